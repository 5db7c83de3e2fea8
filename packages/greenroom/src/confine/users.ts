import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A user of the machine, as its own data base has it. `gid` is of the group that its programs run with. */
export interface User {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

/** Whom the operator named in a contract. */
export interface RunAs {
  user: string;
  /** Its primary group when left out. */
  group?: string | undefined;
}

/** Looks a user up, and the group to run with. Answers a sentence without a subject, "is not a user …", when one of them does not exist. */
export async function findUser({ user, group }: RunAs): Promise<User | string> {
  const [name = '', , uid, gid, , home = ''] = (await entry('passwd', user)).split(':');
  if (name !== user || uid === undefined) return `the user "${user}" does not exist on this machine`;
  if (group === undefined) return { name, uid: Number(uid), gid: Number(gid), home };
  const own = await findGroup(group);
  if (own === undefined) return `the group "${group}" does not exist on this machine`;
  return { name, uid: Number(uid), gid: own, home };
}

/** Number of a group; undefined when there is none of that name. */
export async function findGroup(group: string): Promise<number | undefined> {
  const [name, , gid] = (await entry('group', group)).split(':');
  return name === group && gid !== undefined ? Number(gid) : undefined;
}

/** The name that a user has on this machine; empty when it has none. */
export async function userName(uid: number): Promise<string> {
  return (await entry('passwd', String(uid))).split(':')[0] ?? '';
}

/** A line of the machine's data base of names, whatever feeds it; empty when there is none. */
async function entry(database: 'passwd' | 'group', name: string): Promise<string> {
  try {
    return (await run('getent', [database, name])).stdout.trim();
  } catch (error) {
    // 2: no such key. Anything else is a machine that cannot tell.
    if ((error as { code?: unknown }).code === 2) return '';
    throw error;
  }
}
