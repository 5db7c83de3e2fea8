import { styleText } from 'node:util';

export { json, plain, plainLines } from '../plain.ts';

type Format = Parameters<typeof styleText>[0];

/** Colours and the width of one output stream; honours NO_COLOR, FORCE_COLOR and whether the stream is a terminal. */
export type Paint = (format: Format, text: string) => string;

export function paintFor(stream: NodeJS.WriteStream): Paint {
  return (format, text) => styleText(format, text, { stream, validateStream: true });
}

/** Cut to a number of columns, one character taken as one column. */
export function cut(text: string, columns: number): string {
  const characters = [...text];
  return characters.length <= columns ? text : `${characters.slice(0, Math.max(0, columns - 1)).join('')}…`;
}
