/** HTTP/2 by its frames: what no library would send. */
import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { connect } from 'node:tls';
import { until } from './rig.ts';

export const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, pushPromise: 5, ping: 6, goaway: 7, continuation: 9 } as const;
export const FLAG = { endStream: 0x1, ack: 0x1, endHeaders: 0x4 } as const;
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const FRAME_HEAD_BYTES = 9;
/** Answers that HPACK's own table has, which is all that is looked for here. */
const STATUSES: Record<number, number> = { 136: 200, 137: 204, 138: 206, 139: 304, 140: 400, 141: 404, 142: 500 };

export interface Frame {
  type: number;
  flags: number;
  stream: number;
  payload: Buffer;
}

export function frame(type: number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const body = Buffer.from(payload as string, 'latin1');
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUIntBE(body.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

/** Names and values in turn, each as it is: no table, no Huffman code. */
export function block(...raw: string[]): Buffer {
  const parts: Buffer[] = [];
  raw.forEach((text, at) => {
    if (at % 2 === 0) parts.push(Buffer.from([0]));
    parts.push(length(text.length), Buffer.from(text, 'latin1'));
  });
  return Buffer.concat(parts);
}

/** An integer behind seven bits of prefix (RFC 7541, section 5.1). */
function length(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let left = value - 127;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
  return Buffer.from([...bytes, left]);
}

export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

export interface FramesClient {
  socket: Socket;
  send(...frames: Buffer[]): void;
  /** Frames that have come. */
  frames(): Frame[];
  /** Resolves when one of them is as asked, or the connection has ended. */
  sees(wanted: (frame: Frame) => boolean): Promise<Frame | undefined>;
  /** Resolves when the connection is over, with why. */
  closed(): Promise<{ status: string }>;
  /** What became of a request: the status, `reset CODE`, `goaway CODE` when the whole connection is ended for it, or `closed`. Waits for the answer's end. */
  outcome(stream: number): Promise<{ status: number | string; body: string }>;
}

/** Connects, and has the greeting behind it. */
export async function connectFrames(t: TestContext, port: number): Promise<FramesClient> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'shop.example', rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  t.after(() => socket.destroy());
  let held = Buffer.alloc(0);
  const seen: Frame[] = [];
  socket.on('error', () => undefined);
  socket.on('data', (bytes: Buffer) => {
    held = Buffer.concat([held, bytes]);
    while (held.length >= FRAME_HEAD_BYTES && held.length >= FRAME_HEAD_BYTES + held.readUIntBE(0, 3)) {
      const end = FRAME_HEAD_BYTES + held.readUIntBE(0, 3);
      const [type, flags, stream] = [held.readUInt8(3), held.readUInt8(4), held.readUInt32BE(5)];
      seen.push({ type, flags, stream, payload: held.subarray(FRAME_HEAD_BYTES, end) });
      held = held.subarray(end);
    }
  });
  const client: FramesClient = {
    socket,
    send: (...frames) => void socket.write(Buffer.concat(frames)),
    frames: () => seen,
    async sees(wanted) {
      await until(() => seen.some(wanted) || socket.destroyed);
      return seen.find(wanted);
    },
    async closed() {
      await until(() => socket.destroyed);
      const last = seen.find((it) => it.type === FRAME.goaway);
      return { status: last ? `goaway ${last.payload.readUInt32BE(4)}` : 'closed' };
    },
    async outcome(stream) {
      const isEnd = (it: Frame): boolean =>
        it.type === FRAME.goaway ||
        (it.stream === stream && (it.type === FRAME.reset || (it.type <= FRAME.headers && (it.flags & FLAG.endStream) !== 0)));
      const end = await client.sees(isEnd);
      if (!end) return { status: 'closed', body: '' };
      if (end.type === FRAME.goaway) return { status: `goaway ${end.payload.readUInt32BE(4)}`, body: '' };
      if (end.type === FRAME.reset) return { status: `reset ${end.payload.readUInt32BE(0)}`, body: '' };
      const own = seen.filter((it) => it.stream === stream);
      const first = own.find((it) => it.type === FRAME.headers)?.payload[0] ?? 0;
      const body = Buffer.concat(own.filter((it) => it.type === FRAME.data).map(({ payload }) => payload)).toString('latin1');
      return { status: STATUSES[first] ?? `field ${first}`, body };
    },
  };
  socket.write(PREFACE, 'latin1');
  client.send(frame(FRAME.settings, 0, 0));
  await client.sees((it) => it.type === FRAME.settings && it.flags === 0);
  client.send(frame(FRAME.settings, FLAG.ack, 0));
  return client;
}
