import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Case } from './cases.ts';
import type { Program } from './program.ts';

const START_LIMIT_MS = 10_000;
const POLL_MS = 10;

/** Path of a case's request. */
export const pathOf = ({ kind, bytes }: Case): string => (kind === 'get' ? `/${bytes}` : '/');

/** Waits until the program gives the answer that the case is about: whole, and the right one. Rejects with what it said when it ends or takes too long. */
export async function untilAnswering(program: Program, port: number, each: Case): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS;
  for (;;) {
    const problem = await ask(port, each);
    if (problem === '') return;
    if (program.hasEnded()) throw new Error(`ended at once: ${program.said()}`);
    if (performance.now() > deadline) throw new Error(`${problem}; it said: ${program.said()}`);
    await delay(POLL_MS);
  }
}

/** One request on a connection of its own. Empty when the answer is right. */
function ask(port: number, each: Case): Promise<string> {
  const upgrade = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  return new Promise((resolve) => {
    const sent = request({
      host: '127.0.0.1',
      port,
      path: pathOf(each),
      agent: false,
      method: each.kind === 'post' ? 'POST' : 'GET',
      headers: each.kind === 'echo' ? upgrade : {},
    });
    sent.on('upgrade', (_, socket) => {
      socket.destroy();
      resolve(each.kind === 'echo' ? '' : 'it upgraded a connection that was not meant to');
    });
    sent.on('response', (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on('error', (error) => resolve(error.message));
      response.on('end', () => resolve(judge(each, response.statusCode ?? 0, bytes)));
    });
    sent.on('error', (error) => resolve(error.message));
    sent.setTimeout(START_LIMIT_MS, () => sent.destroy(new Error(`no answer within ${START_LIMIT_MS} ms`)));
    sent.end(each.kind === 'post' ? Buffer.alloc(each.bytes, 'x') : undefined);
  });
}

function judge({ kind, bytes }: Case, status: number, received: number): string {
  const [wantedStatus, wantedBytes] = kind === 'post' ? [204, 0] : [200, bytes];
  if (kind === 'echo') return `it answered ${status} instead of a WebSocket`;
  return status === wantedStatus && received === wantedBytes
    ? ''
    : `it answered ${status} with ${received} bytes instead of ${wantedStatus} with ${wantedBytes}`;
}
