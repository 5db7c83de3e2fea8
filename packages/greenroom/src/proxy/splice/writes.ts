import type { Socket } from 'node:net';

/** Up to here text and the bytes between are put together and written as one. */
const JOIN_BYTES = 16 * 1024;
export const EMPTY: Buffer = Buffer.alloc(0);

/** Writes bytes with text before them; where it fits into the `room` in front of the bytes, without a copy of them. */
export function writeBehind(socket: Socket, before: string, bytes: Buffer, room: number): boolean {
  if (before.length > room || before === '' || bytes.length === 0) return writeParts(socket, before, bytes, '');
  const whole = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset - before.length, before.length + bytes.length);
  whole.write(before, 0, 'latin1');
  return socket.write(whole);
}

/** Writes bytes with text before and behind them, in one go; answers whether there is room for more. */
export function writeParts(socket: Socket, before: string, bytes: Buffer, after: string): boolean {
  if (bytes.length === 0) return socket.write(before + after, 'latin1');
  if (before === '' && after === '') return socket.write(bytes);
  const length = before.length + bytes.length + after.length;
  if (length <= JOIN_BYTES) {
    const joined = Buffer.allocUnsafe(length);
    joined.write(before, 0, 'latin1');
    bytes.copy(joined, before.length);
    if (after !== '') joined.write(after, before.length + bytes.length, 'latin1');
    return socket.write(joined);
  }
  socket.cork();
  if (before !== '') socket.write(before, 'latin1');
  let more = socket.write(bytes);
  if (after !== '') more = socket.write(after, 'latin1');
  socket.uncork();
  return more;
}

/** Writes bytes as one chunk (RFC 9112, section 7.1), and the end of the body with its trailers when there is one. */
export function writeChunk(socket: Socket, before: string, bytes: Buffer, trailers: string | null): boolean {
  const last = trailers === null ? '' : `0\r\n${trailers}\r\n`;
  if (bytes.length === 0) return writeParts(socket, before, bytes, last);
  return writeParts(socket, `${before}${bytes.length.toString(16)}\r\n`, bytes, `\r\n${last}`);
}
