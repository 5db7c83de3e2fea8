import { readFileSync } from 'node:fs';
import { MEGABYTE, type ResourceLimits } from '../../../confine/limits.ts';
import { type ContainerProgram, isReadByPrograms } from '../../core/contract-runner.ts';

/** A folder or file of the machine that a container sees at the same path. */
export interface Mount {
  path: string;
  writable: boolean;
}

export interface ContainerSpec {
  program: ContainerProgram;
  name: string;
  image: string;
  labels: Record<string, string>;
  mounts: readonly Mount[];
  /** The image's own when left out. */
  workdir?: string | undefined;
  /** The whole environment; the names of those whose value nobody may see on a command line need not be told. */
  env: Record<string, string>;
  limits: ResourceLimits;
  user: { uid: number; gid: number };
  /** Whether the program itself runs without the rights of root. */
  rootless: boolean;
}

/**
 * Options of `run` and `create`. A container has a root file system that it cannot write, no capability, no way to more rights, a process namespace of
 * its own with an init that passes signals on, and a /tmp in memory. It shares the machine's network: docs/adr/0031 says why. Variables are named only,
 * so that their values are in no command line: they are taken from the program's own environment.
 */
export function containerOptions({
  program,
  name,
  labels,
  mounts,
  workdir,
  env,
  limits,
  user,
  rootless,
}: Omit<ContainerSpec, 'image'>): string[] {
  return [
    `--name=${name}`,
    '--init',
    '--network=host',
    '--read-only',
    '--tmpfs=/tmp:rw,mode=1777',
    '--cap-drop=ALL',
    '--security-opt=no-new-privileges',
    '--security-opt=label=disable',
    '--pull=never',
    `--user=${user.uid}:${user.gid}`,
    ...(program === 'podman' ? ['--http-proxy=false', '--systemd=false', ...(rootless ? ['--userns=keep-id'] : [])] : []),
    ...limitOptions(limits),
    ...(workdir === undefined ? [] : [`--workdir=${workdir}`]),
    ...mounts.map(({ path, writable }) => `--mount=type=bind,source=${path},target=${path}${writable ? '' : ',readonly'}`),
    ...Object.entries(labels).map(([key, value]) => `--label=${key}=${value}`),
    ...Object.entries(env).map(([key, value]) => `--env=${isReadByPrograms(key) ? `${key}=${value}` : key}`),
  ];
}

/**
 * Swap is no way around the limit of memory. Open files and sizes of files are counted for each process; what the contract leaves open is as it is for a
 * process: Podman's own default is the most that the kernel has, which not everybody may set.
 */
function limitOptions({ memory_mb, cpu_percent, processes, open_files, file_size_mb }: ResourceLimits): string[] {
  return [
    ...(memory_mb === undefined ? [] : [`--memory=${memory_mb}m`, `--memory-swap=${memory_mb}m`]),
    ...(cpu_percent === undefined ? [] : [`--cpus=${cpu_percent / 100}`]),
    ...(processes === undefined ? [] : [`--pids-limit=${processes}`]),
    `--ulimit=nofile=${open_files === undefined ? ownLimit('open files') : `${open_files}:${open_files}`}`,
    `--ulimit=nproc=${ownLimit('processes')}`,
    ...(file_size_mb === undefined ? [] : [`--ulimit=fsize=${file_size_mb * MEGABYTE}:${file_size_mb * MEGABYTE}`]),
  ];
}

/** `soft:hard` of this process; of processes at most as many as the machine has ids for, which is all that Podman keeps of its own. */
function ownLimit(what: 'open files' | 'processes'): string {
  const limits = readFileSync('/proc/self/limits', 'latin1');
  const [, soft, hard] = new RegExp(`^Max ${what}\\s+(\\S+)\\s+(\\S+)`, 'm').exec(limits) ?? [];
  const most = what === 'processes' ? Number(readFileSync('/proc/sys/kernel/pid_max', 'latin1')) : Number.POSITIVE_INFINITY;
  const values = [soft, hard].map((value) => Math.min(Number(value ?? 0) || Number.POSITIVE_INFINITY, most));
  return values.map((value) => (Number.isFinite(value) ? value : -1)).join(':');
}

/** Of an environment, what is handed over in the program's own. */
export function inherited(env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isReadByPrograms(name)));
}
