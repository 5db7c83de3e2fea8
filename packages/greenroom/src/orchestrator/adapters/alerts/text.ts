import { stripVTControlCharacters } from 'node:util';

// C0 and C1 controls but for the line feed, and the marks that hide or reorder text.
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const UNSAFE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text of commits, logs and processes without anything that acts on a reader's screen. Lines stay lines. */
export function plain(text: string): string {
  return stripVTControlCharacters(text.toWellFormed())
    .replaceAll('\r\n', '\n')
    .replace(/[\t\r]/g, '  ')
    .replace(UNSAFE, '')
    .trim();
}

export function oneLine(text: string): string {
  return plain(text).replace(/\s+/g, ' ');
}

/**
 * As much of the text as fits into `limit` once every character is `escaped`, with an ellipsis when something had to go. Never ends inside an escape or a
 * surrogate pair. `size` measures an escaped piece; the default counts UTF-16 units, which no service counts as more than that.
 */
export function fit(
  text: string,
  limit: number,
  escaped: (character: string) => string = (it) => it,
  size: (piece: string) => number = (it) => it.length,
): string {
  const room = limit - size(ELLIPSIS);
  let kept = '';
  let keptWithRoom = '';
  let used = 0;
  for (const character of text) {
    const piece = escaped(character);
    used += size(piece);
    if (used > limit) return keptWithRoom + ELLIPSIS;
    kept += piece;
    if (used <= room) keptWithRoom = kept;
  }
  return kept;
}

const ELLIPSIS = '…';

export const utf8Bytes = (text: string): number => Buffer.byteLength(text);

/** A part of a URL as it was meant; as it stands when its percent signs are none of an encoding. */
export function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (error instanceof URIError) return part;
    throw error;
  }
}
