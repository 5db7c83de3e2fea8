import type { Layer } from './command.ts';
import type { User } from './users.ts';

/**
 * Starts a command as another user: with its groups and no others, without capabilities, and without a way to any (set-user-id programs included).
 * `setpriv` and the shell become the program itself, so that the pid stays and signals reach it. What it makes may be read by others, as usual: its own
 * folders keep them out, whatever the mask of this process is.
 */
export function asUser({ uid, gid }: Pick<User, 'uid' | 'gid'>): Layer {
  const become = [`--reuid=${uid}`, `--regid=${gid}`, '--init-groups'];
  const drop = ['--no-new-privs', '--bounding-set=-all', '--inh-caps=-all', '--ambient-caps=-all'];
  return ({ file, args }) => ({
    file: 'setpriv',
    args: [...become, ...drop, '--', '/bin/sh', '-c', 'umask 022 && exec "$@"', 'sh', file, ...args],
  });
}

/** The environment as it is for that user: what names the home of somebody else would be read, or written, there. */
export function environmentOf({ name, home }: Pick<User, 'name' | 'home'>, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const passed = Object.entries(env).filter(([variable]) => !variable.startsWith('XDG_') && variable !== 'TMPDIR');
  return { ...Object.fromEntries(passed), HOME: home, USER: name, LOGNAME: name };
}
