import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { confine, type Layer } from '../command.ts';
import { NAMESPACES } from './bubblewrap.ts';

const TRY_MS = 10_000;

/** `lacks`: a sentence on what the machine lacks; `remedy`: what to do about it. */
export type Available = { ok: true } | { ok: false; lacks: string; remedy: string };

/** Tries whether a sandbox can be made on this machine, as the user that the layers lead to. Takes some milliseconds. */
export async function trySandbox(layers: readonly Layer[] = []): Promise<Available> {
  const see = ['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc'];
  const { file, args } = confine({ file: 'bwrap', args: [...NAMESPACES, '--unshare-net', ...see, '--', '/bin/true'] }, layers);
  const { promise, resolve } = Promise.withResolvers<Available>();
  execFile(file, args, { timeout: TRY_MS, cwd: '/' }, (error, _stdout, stderr) => {
    if (!error) resolve({ ok: true });
    else if (error.code === 'ENOENT' || /bwrap.*No such file|failed to execute bwrap/.test(stderr)) resolve(NOT_INSTALLED);
    else resolve(refused(stderr.trim().split('\n').at(-1) || error.message));
  });
  return await promise;
}

const NOT_INSTALLED: Available = {
  ok: false,
  lacks: 'bubblewrap is not installed',
  remedy: 'Install it: apt-get install bubblewrap (the package has this name on most systems).',
};

/** Settings of the kernel that keep users from making namespaces, each with the value that does. */
const SWITCHES: readonly [name: string, off: string, on: string][] = [
  ['kernel.unprivileged_userns_clone', '0', '1'],
  ['kernel.apparmor_restrict_unprivileged_userns', '1', '0'],
  ['user.max_user_namespaces', '0', '15000'],
];

function refused(says: string): Available {
  const lacks = `bubblewrap cannot make a sandbox here (${says.replace(/^bwrap: /, '').slice(0, 200)})`;
  const found = SWITCHES.find(([name, off]) => readSetting(name) === off);
  const remedy = found
    ? `The kernel's setting ${found[0]} is ${found[1]}: sysctl -w ${found[0]}=${found[2]} lets programs make namespaces of their own, for good in a file of /etc/sysctl.d.`
    : 'In a container, give it the right to make namespaces; elsewhere look at what the security module of the kernel says of bwrap (dmesg).';
  return { ok: false, lacks, remedy };
}

function readSetting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'latin1').trim();
  } catch {
    return undefined; // this kernel has no such setting
  }
}
