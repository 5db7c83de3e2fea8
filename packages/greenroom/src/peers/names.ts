import { readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import type { CallerView } from '@greenroom/sdk/wire';
import { userName } from '../confine/users.ts';
import { plain } from '../plain.ts';
import type { Credentials } from './credentials.ts';

const LONGEST_NAME = 64;
/** How long a user keeps a name that was looked up. */
const REMEMBERED_MS = 60_000;

/** Names the processes at the other ends of sockets, for people. */
export function createNames(): (peer: Credentials) => Promise<CallerView> {
  const known = new Map<number, { until: number; name: Promise<string> }>();

  function nameOf(uid: number): Promise<string> {
    const found = known.get(uid);
    if (found && found.until > performance.now()) return found.name;
    // A machine that cannot tell has no names.
    const name = userName(uid).catch(() => '');
    known.set(uid, { until: performance.now() + REMEMBERED_MS, name });
    return name;
  }

  return async ({ uid, pid }) => {
    const [user, program] = await Promise.all([nameOf(uid), programOf(pid)]);
    return { uid, user: shown(user), pid, program: shown(program) };
  };
}

/** Of another user's process only its own word can be read; empty for one that is gone. Never its arguments, which may hold secrets. */
async function programOf(pid: number): Promise<string> {
  const file = await readlink(`/proc/${pid}/exe`).catch(() => '');
  if (file !== '') return basename(file);
  return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
}

function shown(text: string): string {
  return plain(text).slice(0, LONGEST_NAME);
}
