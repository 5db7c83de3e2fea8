/** A network namespace of the test's own, joined to this machine by a cable: whoever asks from there is another machine. */
import { execFile, execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

export interface OtherMachine {
  /** Addresses of this machine, as the other one sees it: IPv4 and, where there is IPv6, that too. */
  addresses: string[];
  /** Opens a connection to each port on each of the addresses. Answers those that were taken, as `ADDRESS PORT`. */
  reach(ports: readonly number[]): Promise<string[]>;
  /** Asks for `/` by HTTP and answers the body. */
  visit(address: string, port: number): Promise<string>;
  remove(): void;
}

const LIMIT_MS = 3_000;
const CONNECT = `
const { connect } = require('node:net');
const [targets, limit] = JSON.parse(process.argv[1]);
for (const [host, port] of targets) {
  const socket = connect({ host, port, timeout: limit }, () => { console.log(host + ' ' + port); socket.destroy(); });
  socket.on('error', () => undefined);
  socket.on('timeout', () => socket.destroy());
}`;
const VISIT = `
const [host, port] = JSON.parse(process.argv[1]);
require('node:http').get({ host, port }, (response) => response.pipe(process.stdout));`;

/** Or a sentence: why this machine can have none. */
export function addOtherMachine(): OtherMachine | string {
  if (!hasProgram('ip')) return 'ip is not installed (Debian: iproute2)';
  const { pid } = process;
  const name = `greenroom-${pid}`;
  const [here, there] = [`gr${pid}a`, `gr${pid}b`];
  // 198.18.0.0/15 is for tests of networks (RFC 2544). Each process has its own four addresses of it.
  const four = (last: number): string => `198.18.${(pid >> 6) & 255}.${(pid & 63) * 4 + last}`;
  const six = (last: number): string => `fd47:7265:656e:${(pid & 0xffff).toString(16)}::${last}`;
  const remove = (): void => void ip('netns', 'delete', name);
  const problem =
    ip('netns', 'add', name) ||
    ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', name) ||
    ip('address', 'add', `${four(1)}/30`, 'dev', here) ||
    ip('link', 'set', here, 'up') ||
    ip('-netns', name, 'address', 'add', `${four(2)}/30`, 'dev', there) ||
    ip('-netns', name, 'link', 'set', there, 'up');
  if (problem) {
    remove();
    return `there can be no other network here: ${problem}`;
  }
  const hasSix =
    !ip('address', 'add', `${six(1)}/64`, 'dev', here, 'nodad') &&
    !ip('-netns', name, 'address', 'add', `${six(2)}/64`, 'dev', there, 'nodad');
  const addresses = [four(1), ...(hasSix ? [six(1)] : [])];

  async function run(script: string, about: unknown): Promise<string> {
    const args = ['netns', 'exec', name, process.execPath, '-e', script, JSON.stringify(about)];
    return (await promisify(execFile)('ip', args)).stdout;
  }

  return {
    addresses,
    async reach(ports) {
      const targets = addresses.flatMap((address) => ports.map((port) => [address, port]));
      return (await run(CONNECT, [targets, LIMIT_MS])).split('\n').filter(Boolean).sort();
    },
    visit: (address, port) => run(VISIT, [address, port]),
    // Takes the cable with it.
    remove,
  };
}

/** Answers what went wrong. */
function ip(...args: string[]): string {
  try {
    execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
    return '';
  } catch (error) {
    return (error as { stderr: string }).stderr.trim() || (error as Error).message;
  }
}

function hasProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
