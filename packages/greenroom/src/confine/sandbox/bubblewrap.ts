import { dirname } from 'node:path';
import { type Command, confine, type Layer } from '../command.ts';
import { inside } from './inside-command.ts';

/** One thing that is to be seen in a sandbox. Paths are absolute; what is not there is left out. */
export type Mount =
  /** A file or folder of the machine, by default the one of the same path. */
  | { kind: 'read' | 'write'; at: string; from?: string }
  /** A folder in memory, gone with the sandbox; with `closed` nothing but what is mounted below it is ever in it. */
  | { kind: 'empty'; at: string; closed?: boolean }
  | { kind: 'link'; at: string; to: string };

export interface View {
  mounts: readonly Mount[];
  cwd: string;
  /** Without: its own loopback interface and nothing else. */
  hostNetwork: boolean;
  /** Ports of the sandbox's loopback interface, each with the socket that it leads to. */
  doors: readonly Door[];
  /** It stays when the program has ended, so that what this left running is found and ended in good order; the end is told on descriptor 3. */
  holds: boolean;
}

export interface Door {
  port: number;
  socket: string;
}

/** What each of our sandboxes is without, and `available.ts` tries. */
export const NAMESPACES = ['--unshare-pid', '--unshare-ipc', '--cap-drop', 'ALL', '--die-with-parent', '--new-session'];

/**
 * Starts a command where nothing is to be seen but what is named, below a root that cannot be written to, with processes of its own that end with it. Bubblewrap
 * needs no rights for it: a set-user-id program in there gives none either.
 */
export function sandbox({ mounts, cwd, hostNetwork, doors, holds }: View): Layer {
  const seen = inOrder(mounts);
  const closed = seen.flatMap((mount) => (mount.kind === 'empty' && mount.closed ? ['--remount-ro', mount.at] : []));
  const network = hostNetwork ? [] : ['--unshare-net'];
  const own = ['--dev', '/dev', '--proc', '/proc', ...closed, '--remount-ro', '/', '--chdir', cwd];
  const args = [...NAMESPACES, ...network, ...seen.flatMap(toArguments), ...own];
  const bubblewrap: Layer = (command: Command) => ({ file: 'bwrap', args: [...args, '--', command.file, ...command.args] });
  return (command) => confine(command, holds || doors.length > 0 ? [bubblewrap, inside({ doors, holds })] : [bubblewrap]);
}

/** What lies below another comes after it, of two with one path the last one counts, and what is in view already is left out. */
function inOrder(mounts: readonly Mount[]): Mount[] {
  const byPath = new Map(mounts.map((mount) => [mount.at, mount]));
  const isInView = ({ kind, at, ...how }: Mount): boolean => {
    if (kind !== 'read' || ('from' in how && how.from !== undefined)) return false;
    let above: Mount | undefined;
    for (let folder = dirname(at); folder !== '/' && !above; folder = dirname(folder)) above = byPath.get(folder);
    return above?.kind === 'read' && above.from === undefined;
  };
  return [...byPath.values()].filter((mount) => !isInView(mount)).sort((a, b) => depth(a.at) - depth(b.at));
}

const depth = (path: string): number => path.split('/').filter(Boolean).length;

function toArguments(mount: Mount): string[] {
  if (mount.kind === 'empty') return ['--tmpfs', mount.at];
  if (mount.kind === 'link') return ['--symlink', mount.to, mount.at];
  return [mount.kind === 'read' ? '--ro-bind-try' : '--bind-try', mount.from ?? mount.at, mount.at];
}
