const NEWLINE = 0x0a;
/** What may stand before a statement, from where the one before it has ended. */
const BEFORE = /^(?:[\s;]+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/;

/** The line, from 1, on which the statement begins that the parser places at a byte offset: blanks and comments before it are not part of it. */
export function lineAt(bytes: Buffer, offset: number): number {
  const before = BEFORE.exec(bytes.toString('utf8', offset))?.[0] ?? '';
  let line = 1;
  const start = offset + Buffer.byteLength(before);
  for (let at = bytes.indexOf(NEWLINE); at !== -1 && at < start; at = bytes.indexOf(NEWLINE, at + 1)) line += 1;
  return line;
}
