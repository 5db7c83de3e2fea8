import { spawnSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';

const VARIABLE = 'GREENROOM_TEST_ISOLATED';
/** SIOCSIFFLAGS with IFF_UP and IFF_RUNNING: the one thing a new network namespace needs, without another package for it. */
const LOOPBACK_UP = "import socket, fcntl, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh', b'lo', 0x41))";

/**
 * Whether this process has no network but loopback. When it has one, the same program is run again, to its end, in a network namespace of its
 * own, and this process exits as that did: whatever tries to reach anything outside fails. Its tests report as if they ran here.
 */
export function isIsolated(): boolean {
  if (process.env[VARIABLE] === '1') {
    const outside = Object.keys(networkInterfaces()).filter((name) => name !== 'lo');
    if (outside.length > 0) throw new Error(`The network namespace has ${outside.join(', ')} beside loopback.`);
    return true;
  }
  const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const script = `python3 -c "$0" && exec "$@"`;
  const { status, error } = spawnSync('unshare', [...asRoot, '--net', 'sh', '-c', script, LOOPBACK_UP, ...again], {
    stdio: 'inherit',
    env: { ...process.env, [VARIABLE]: '1' },
  });
  if (error) throw new Error(`A network namespace could not be made with unshare, of Debian's util-linux: ${error.message}`);
  process.exit(status ?? 1);
}
