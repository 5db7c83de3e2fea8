import { lstatSync, readlinkSync } from 'node:fs';
import type { Mount } from './bubblewrap.ts';

/** Folders of the machine's software, in which nobody keeps data. On most machines some of them are links into `/usr`. */
const SOFTWARE = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/nix/store', '/snap'];

/** Of `/etc` what programs need to run: names, certificates, time zone, and settings of languages and shells. Neither keys nor what services are told. */
const SETTINGS = [
  'alternatives bash.bashrc ca-certificates ca-certificates.conf crypto-policies environment fonts gai.conf gitconfig group hostname hosts inputrc',
  'host.conf java-17-openjdk java-21-openjdk ld.so.cache ld.so.conf ld.so.conf.d locale.alias locale.conf localtime login.defs machine-id magic',
  'mime.types networks nodejs npmrc nsswitch.conf os-release passwd pki profile profile.d protocols python3 python3.11 python3.12 python3.13',
  'resolv.conf rpc services shells ssl/certs ssl/openssl.cnf terminfo timezone claude-code codex gemini-cli opencode',
].flatMap((line) => line.split(' '));

/** The machine's software and what it needs, to be read; a folder for temporary files. */
export function systemMounts(): Mount[] {
  return [
    ...SOFTWARE.map(softwareMount),
    ...SETTINGS.map((name): Mount => ({ kind: 'read', at: `/etc/${name}` })),
    // How many processors there are, and how much memory may be used.
    { kind: 'read', at: '/sys/devices/system/cpu' },
    { kind: 'read', at: '/sys/fs/cgroup' },
    { kind: 'empty', at: '/tmp' },
    { kind: 'empty', at: '/var/tmp' },
  ];
}

/** Whether a path is readable in every sandbox. */
export function isSoftware(path: string): boolean {
  return SOFTWARE.some((folder) => path === folder || path.startsWith(`${folder}/`));
}

function softwareMount(at: string): Mount {
  const stat = lstatSync(at, { throwIfNoEntry: false });
  return stat?.isSymbolicLink() ? { kind: 'link', at, to: readlinkSync(at) } : { kind: 'read', at };
}
