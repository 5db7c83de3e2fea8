/**
 * Follows the frames of one direction of a WebSocket (RFC 6455 section 5.2), just closely enough to know where one ends: a Close frame may
 * only be put between two frames.
 */
export interface FrameScanner {
  /** Takes the next bytes; with `stopAtBoundary` only up to the next end of a frame. Answers how many were taken. */
  scan(chunk: Uint8Array, stopAtBoundary: boolean): number;
  atBoundary(): boolean;
  /** Whether a whole Close frame went by. */
  sawClose(): boolean;
}

/** Flags and opcode, length, and up to 8 more bytes of length; the masking key is skipped with the payload. */
const OPCODE_CLOSE = 0x8;
const MASK_BYTES = 4;
const GOING_AWAY = Buffer.from([0x03, 0xe9]);

export function createFrameScanner(): FrameScanner {
  const header: number[] = [];
  /** Bytes of the current frame that are still to come after its header. */
  let remaining = 0;
  let closeFrame = false;
  let closed = false;

  /** Takes one byte of the header; true when the header is complete. */
  function takeHeaderByte(byte: number): boolean {
    header.push(byte);
    const [first, second] = header;
    if (first === undefined || second === undefined) return false;
    const short = second & 0x7f;
    const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
    if (header.length < 2 + lengthBytes) return false;
    const length = lengthBytes === 0 ? short : header.slice(2).reduce((sum, each) => sum * 256 + each, 0);
    remaining = length + (second & 0x80 ? MASK_BYTES : 0);
    closeFrame = (first & 0x0f) === OPCODE_CLOSE;
    header.length = 0;
    return true;
  }

  return {
    scan(chunk, stopAtBoundary) {
      let at = 0;
      while (at < chunk.length) {
        if (remaining > 0) {
          const taken = Math.min(remaining, chunk.length - at);
          remaining -= taken;
          at += taken;
        } else if (!takeHeaderByte(chunk[at++] as number)) continue;
        if (remaining > 0) continue;
        closed ||= closeFrame;
        closeFrame = false;
        if (stopAtBoundary) return at;
      }
      return at;
    },
    atBoundary: () => remaining === 0 && header.length === 0,
    sawClose: () => closed,
  };
}

/** A Close frame with status 1001 (going away), as a server sends it, or masked as a client does. */
export function closeFrame(masked: boolean): Buffer {
  if (!masked) return Buffer.concat([Buffer.from([0x88, GOING_AWAY.length]), GOING_AWAY]);
  const key = crypto.getRandomValues(new Uint8Array(MASK_BYTES));
  const payload = GOING_AWAY.map((byte, i) => byte ^ (key[i] as number));
  return Buffer.concat([Buffer.from([0x88, 0x80 | GOING_AWAY.length]), key, payload]);
}
