import type { Layer } from './command.ts';
import { MEGABYTE, type ResourceLimits } from './limits.ts';

/** What each process is bound by on its own, handed down to all that it starts. */
export interface Rlimits extends Pick<ResourceLimits, 'open_files' | 'file_size_mb'> {
  /** Of all processes of the user, whoever started them: only for a user of the program's own. */
  userProcesses?: number | undefined;
}

/** Sets them by `prlimit` (util-linux), for good: the hard limit too. No memory dumps either, which would hold secrets. */
export function rlimitLayer(prlimit: string, { open_files, file_size_mb, userProcesses }: Rlimits): Layer {
  const both = (name: string, value: number | undefined): string[] => (value === undefined ? [] : [`--${name}=${value}:${value}`]);
  const settings = [
    ...both('nofile', open_files),
    ...both('fsize', file_size_mb === undefined ? undefined : file_size_mb * MEGABYTE),
    ...both('nproc', userProcesses),
    ...both('core', 0),
  ];
  return ({ file, args }) => ({ file: prlimit, args: [...settings, '--', file, ...args] });
}
