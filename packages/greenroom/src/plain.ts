import { stripVTControlCharacters } from 'node:util';

// C0 and C1 controls, and the marks that reorder or hide text: a commit message must not be able to move the cursor or fake a line.
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text from commits, logs and answers, safe to print on one line of a terminal. */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replaceAll('\t', '    ').replace(UNSAFE, '');
}

/** The same for text of several lines. */
export function plainLines(text: string): string[] {
  return text.split(/\r\n|\n|\r/).map(plain);
}

/** JSON on one line, or indented, that a terminal shows as it is: what could act on it is escaped. */
export function json(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent);
  return text.replace(UNSAFE, (char) => (char === '\n' ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`));
}
