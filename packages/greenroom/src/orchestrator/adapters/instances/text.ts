import { stripVTControlCharacters } from 'node:util';
import type { Mask } from '../../core/mask.ts';

export const TAIL_LINES = 40;
export const TAIL_BYTES = 8 * 1024;
const LINE_LIMIT = 500;

/** C0 without tab, C1, and the characters that reorder or break lines on a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it removes
const UNSAFE = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** Untrusted text made safe to show on a terminal or page: no escapes, no control characters. Keeps tabs, drops line ends. */
export function plainText(text: string): string {
  return stripVTControlCharacters(text).replace(UNSAFE, '');
}

/** The last lines of raw output, oldest first: plain text, long lines cut, at most `lines` lines and `maxBytes` together, masked. */
export function tailLines(
  output: Buffer | string,
  lines: number = TAIL_LINES,
  maxBytes: number = TAIL_BYTES,
  mask: Mask = (text) => text,
): string[] {
  const all = output.toString('utf8').split(/\r\n|\n|\r/);
  const tail: string[] = [];
  let room = maxBytes;
  for (let index = all.length - 1; index >= 0 && tail.length < lines; index--) {
    // Hidden before it is cut, so that no half of a secret remains.
    const line = cut(mask(plainText((all[index] ?? '').slice(0, 8 * LINE_LIMIT))));
    if (line === '') continue;
    room -= Buffer.byteLength(line) + 1;
    if (room < 0) break;
    tail.unshift(line);
  }
  // Once more for keys of several lines.
  return tail.length === 0 ? tail : mask(tail.join('\n')).split('\n');
}

function cut(line: string): string {
  return line.length <= LINE_LIMIT ? line : `${line.slice(0, LINE_LIMIT)}…`;
}
