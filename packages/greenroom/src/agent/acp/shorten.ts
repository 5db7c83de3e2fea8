/** Bytes of a long string that stay at its begin. */
export const DEFAULT_HEAD_BYTES = 512 * 1024;
/** At least as many stay at its end, at most twice as many. */
export const DEFAULT_TAIL_BYTES = 32 * 1024;
/** What a message may still be when its long strings are cut. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Stands in a shortened string for what was left out; see `takeMarks`. Of the private use area, so that no text has it by itself. */
const MARK = '\u{E000}';
const MARKED = new RegExp(`${MARK}omitted:(\\d{1,15})${MARK}`, 'g');

export interface Shortener {
  push(bytes: Uint8Array): void;
  /** The shortened document. */
  end(): Buffer;
}

/**
 * Takes the middle out of long strings of a JSON document as it comes in, so that an agent that sends a whole log in one message costs no more
 * memory than what is kept of it. The result is JSON when the input was. Throws when even that is too large.
 */
export function createShortener(headBytes = DEFAULT_HEAD_BYTES, tailBytes = DEFAULT_TAIL_BYTES): Shortener {
  const kept: Uint8Array[] = [];
  let keptBytes = 0;
  let inString = false;
  /** Bytes of an escape still to come; -1 right after the backslash. */
  let escaped = 0;
  let length = 0;
  /** While a string is being cut: its end so far, in two pieces of which the older one is dropped when the newer one is full. */
  let cutting: { older: Uint8Array[]; newer: Uint8Array[]; newerBytes: number; olderBytes: number; dropped: number } | null = null;

  const keep = (bytes: Uint8Array): void => {
    kept.push(bytes);
    keptBytes += bytes.byteLength;
    if (keptBytes > MAX_BYTES) throw new Error(`A message of the agent is larger than ${MAX_BYTES / 1024 / 1024} MB.`);
  };
  const flush = (bytes: Uint8Array): void => {
    if (bytes.byteLength === 0) return;
    if (cutting === null) keep(bytes);
    else {
      cutting.newer.push(bytes);
      cutting.newerBytes += bytes.byteLength;
    }
  };
  const endCut = (): void => {
    if (cutting === null) return;
    const { older, newer, dropped } = cutting;
    cutting = null;
    if (dropped > 0) keep(Buffer.from(`${MARK}omitted:${dropped}${MARK}`));
    for (const bytes of [...older, ...newer]) keep(bytes);
  };

  return {
    push(bytes) {
      let from = 0;
      for (let at = 0; at < bytes.byteLength; at++) {
        const byte = bytes[at] as number;
        if (!inString) {
          inString = byte === QUOTE;
          length = 0;
          continue;
        }
        length += 1;
        if (escaped !== 0) {
          if (escaped === AFTER_BACKSLASH) escaped = byte === LETTER_U ? 4 : 0;
          else escaped -= 1;
          continue;
        }
        if (byte === QUOTE) {
          flush(bytes.subarray(from, at));
          from = at;
          endCut();
          inString = false;
          continue;
        }
        // Between two characters, and in no escape: here a string may be cut.
        if ((byte & 0xc0) !== 0x80) {
          if (cutting === null && length > headBytes) {
            flush(bytes.subarray(from, at));
            from = at;
            cutting = { older: [], newer: [], newerBytes: 0, olderBytes: 0, dropped: 0 };
          } else if (cutting !== null && cutting.newerBytes + at - from >= tailBytes) {
            flush(bytes.subarray(from, at));
            from = at;
            const { newer, newerBytes, olderBytes, dropped } = cutting;
            cutting = { older: newer, olderBytes: newerBytes, newer: [], newerBytes: 0, dropped: dropped + olderBytes };
          }
        }
        if (byte === BACKSLASH) escaped = AFTER_BACKSLASH;
      }
      flush(bytes.subarray(from));
    },
    end() {
      endCut();
      return Buffer.concat(kept);
    },
  };
}

/** The text without the marks of a shortener, and how many bytes they stand for. */
export function takeMarks(text: string): { head: string; tail: string; omitted: number } {
  let omitted = 0;
  const parts: string[] = [];
  let from = 0;
  for (const match of text.matchAll(MARKED)) {
    omitted += Number(match[1]);
    parts.push(text.slice(from, match.index));
    from = match.index + match[0].length;
  }
  const tail = text.slice(from);
  return parts.length === 0 ? { head: tail, tail: '', omitted: 0 } : { head: parts.join(''), tail, omitted };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const AFTER_BACKSLASH = -1;
