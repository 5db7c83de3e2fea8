import { isAbsolute, normalize, relative, sep } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { takeMarks } from '../acp/shorten.ts';

/** What is kept of a long text at either end, in bytes. */
export const KEPT_BYTES = 16 * 1024;

// C0 and C1 controls other than tab and newline.
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
// Marks that reorder or hide text: no title or path may be shown as what it is not.
const MARKS = /[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text of an agent or a tool as the transcript keeps it: no terminal escapes, no controls but newline and tab, whole characters. */
export function clean(text: string): string {
  return stripVTControlCharacters(text).replace(/\r\n?/g, '\n').replace(CONTROLS, '').toWellFormed();
}

/** The same on one line, cut to a number of characters. */
export function oneLine(text: string, characters: number): string {
  const points = [
    ...clean(text.slice(0, characters * 8))
      .replace(/\s+/g, ' ')
      .replace(MARKS, '')
      .trim(),
  ];
  return points.length > characters ? `${points.slice(0, characters - 1).join('')}…` : points.join('');
}

/** Cleaned, without the middle when it is long; `omitted` is the number of bytes left out. */
export function shorten(text: string, keptBytes = KEPT_BYTES): { text: string; omitted?: number } {
  const marks = takeMarks(text);
  const all = Buffer.from(marks.head + marks.tail);
  if (all.byteLength <= 2 * keptBytes && marks.omitted === 0) return { text: clean(all.toString('utf8')) };
  const head = all.subarray(0, start(all, Math.min(keptBytes, all.byteLength)));
  const tail = all.subarray(start(all, Math.max(head.byteLength, all.byteLength - keptBytes)));
  const omitted = marks.omitted + all.byteLength - head.byteLength - tail.byteLength;
  return { text: `${clean(head.toString('utf8'))}\n…\n${clean(tail.toString('utf8'))}`, omitted };
}

/** Relative to the workspace when it lies in it, else as it is; one line. */
export function showPath(path: string, workspace: string): string {
  const shown = isAbsolute(path) ? relative(workspace, normalize(path)) : path;
  const inside = shown !== '..' && !shown.startsWith(`..${sep}`);
  return oneLine(inside ? shown || '.' : path, 1_000);
}

/** The nearest place at or after `at` where a character of UTF-8 begins. */
function start(bytes: Buffer, at: number): number {
  let place = at;
  while (place < bytes.byteLength && ((bytes[place] as number) & 0xc0) === 0x80) place += 1;
  return place;
}
