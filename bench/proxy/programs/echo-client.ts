/**
 * `node echo-client.ts PORT CONNECTIONS SECONDS MESSAGE_BYTES`: on each connection one WebSocket message after the other, the next when the echo of the
 * last is there. Frames are written and compared as bytes, so that the client takes little of the time of its core. Prints what wrk.lua prints.
 */
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { percentile } from '../../harness/stats.ts';

const [port = 0, connections = 0, seconds = 0, messageBytes = 0] = process.argv.slice(2).map(Number);
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const END_OF_HEAD = '\r\n\r\n';
const BINARY_WHOLE = 0x82;
const MASKED = 0x80;
/** Longer ones have another header. */
const SHORT_MESSAGE_MAX = 125;
if (messageBytes > SHORT_MESSAGE_MAX) throw new Error(`a message may have ${SHORT_MESSAGE_MAX} bytes, not ${messageBytes}`);

const latenciesMs: number[] = [];
const errors = { connect: 0, read: 0, write: 0, status: 0, timeout: 0 };
const clients = Array.from({ length: connections }, client);
const started = performance.now();
setTimeout(report, seconds * 1_000);

/** The questions that are under way are dropped, as wrk does with its requests. A connection that never answered at all is an error. */
function report(): void {
  const durationUs = Math.round((performance.now() - started) * 1_000);
  errors.timeout = clients.filter(({ answers, over }) => answers === 0 && !over).length;
  const [p50, p99] = [0.5, 0.99].map((share) => Math.round(percentile(latenciesMs, share) * 1_000));
  console.log(`RESULT ${JSON.stringify({ requests: latenciesMs.length, duration_us: durationUs, p50_us: p50, p99_us: p99, errors })}`);
  process.exit(0);
}

/** One connection, until the end or its first error; never opened again. */
function client(): { answers: number; over: boolean } {
  const state = { answers: 0, over: false };
  const key = randomBytes(16).toString('base64');
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
  const payload = randomBytes(messageBytes);
  const [question, expected] = [clientFrame(payload), Buffer.concat([Buffer.of(BINARY_WHOLE, payload.length), payload])];
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let received: Buffer = Buffer.alloc(0);
  let open = false;
  let sentAt = 0;
  const fail = (error: keyof typeof errors): void => {
    if (!state.over) errors[error]++;
    state.over = true;
    socket.destroy();
  };
  const ask = (): void => {
    received = Buffer.alloc(0);
    sentAt = performance.now();
    socket.write(question);
  };
  socket.on('connect', () => socket.write(handshake(key)));
  for (const event of ['error', 'close']) socket.on(event, () => fail(open ? 'read' : 'connect'));
  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    if (open) {
      if (received.length < expected.length) return;
      if (!received.equals(expected)) return fail('status');
      latenciesMs.push(performance.now() - sentAt);
      state.answers++;
      return ask();
    }
    if (!received.includes(END_OF_HEAD)) return;
    if (!received.includes(accept)) return fail('status');
    open = true;
    ask();
  });
  return state;
}

function handshake(key: string): string {
  const lines = ['GET / HTTP/1.1', `Host: 127.0.0.1:${port}`, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
  return [...lines, `Sec-WebSocket-Key: ${key}`, '', ''].join('\r\n');
}

function clientFrame(payload: Buffer): Buffer {
  const mask = randomBytes(4);
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([Buffer.of(BINARY_WHOLE, MASKED | payload.length), mask, masked]);
}
