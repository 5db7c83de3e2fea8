import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { confine, type Layer } from '../../confine/command.ts';
import type { Mount } from '../../confine/sandbox/bubblewrap.ts';

const run = promisify(execFile);
const MOST_BYTES = 1024 * 1024;

/** The mounts that the agent's own user could make: what it may not reach outside of a sandbox, it cannot take into one. */
export async function reachable(mounts: readonly Mount[], as: readonly Layer[]): Promise<Mount[]> {
  if (as.length === 0) return [...mounts];
  const sources = mounts.flatMap((mount) => (isOfMachine(mount) ? [mount.from ?? mount.at] : []));
  const script = 'for path; do if [ -e "$path" ]; then printf "%s\\0" "$path"; fi; done';
  const { file, args } = confine({ file: '/bin/sh', args: ['-c', script, 'sh', ...sources] }, as);
  const found = new Set((await run(file, args, { cwd: '/', maxBuffer: MOST_BYTES })).stdout.split('\0'));
  return mounts.filter((mount) => !isOfMachine(mount) || found.has(mount.from ?? mount.at));
}

function isOfMachine(mount: Mount): mount is Extract<Mount, { kind: 'read' | 'write' }> {
  return mount.kind === 'read' || mount.kind === 'write';
}
