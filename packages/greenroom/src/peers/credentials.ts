import type { Socket } from 'node:net';

/** The process at the other end of a Unix socket, as it was when it connected. */
export interface Credentials {
  /** 0 for a process that this one cannot see. */
  pid: number;
  uid: number;
  gid: number;
}

/** Null when the kernel does not say, because the connection is over or is no Unix socket. */
export type ReadCredentials = (socket: Socket) => Credentials | null;

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** Where Linux has these numbers for them; others are not served by Node either, or have their own. */
const PROCESSORS: readonly string[] = ['arm', 'arm64', 'ia32', 'loong64', 'riscv64', 'x64'];
/** `struct ucred`: three numbers of 32 bits. */
const UCRED_BYTES = 12;

/**
 * Opens the way to ask the kernel, which Node itself does not have (docs/adr/0029). Answers a clause why there is none, on a system that the library
 * is not made for.
 */
export async function openCredentials(
  load: () => Promise<typeof import('koffi')> = () => import('koffi'),
): Promise<ReadCredentials | string> {
  if (process.platform !== 'linux' || !PROCESSORS.includes(process.arch)) return `not on ${process.platform} ${process.arch}`;
  try {
    const { default: koffi } = await load();
    const getsockopt = koffi.load(null).func('int getsockopt(int socket, int level, int name, void *value, _Inout_ uint32_t *length)');
    return (socket) => {
      const value = Buffer.alloc(UCRED_BYTES);
      const length = [UCRED_BYTES];
      const failed: unknown = getsockopt(descriptorOf(socket), SOL_SOCKET, SO_PEERCRED, value, length);
      if (failed !== 0 || length[0] !== UCRED_BYTES) return null;
      const [pid, uid, gid] = [value.readInt32LE(0), value.readUInt32LE(4), value.readUInt32LE(8)];
      return uid === NOBODY ? null : { pid, uid, gid };
    };
  } catch (error) {
    return `koffi could not be loaded: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`;
  }
}

/** What the kernel says of a socket that is not a Unix one. */
const NOBODY = 0xff_ff_ff_ff;

/** -1 for a connection that is over: then the kernel refuses. */
function descriptorOf(socket: Socket): number {
  return (socket as { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
}
