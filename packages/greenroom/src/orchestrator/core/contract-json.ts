import { MAX_CONTRACT_DEPTH } from './contract-parse.ts';

export type ParsedJson = { ok: true; json: unknown; notes: string[] } | { ok: false; sentence: string };

/**
 * Parses the text of a JSON file that people write by hand. A refusal says the line, the column and what was expected there, and names
 * comments and trailing commas as such. A byte order mark is tolerated. `notes` name fields that stand there twice (the last one counts).
 */
export function parseJsonText(text: string): ParsedJson {
  const source = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const scan: Scan = { text: source, at: 0, depth: 0, repeated: [] };
  try {
    value(scan, 'a JSON object, { … }');
    space(scan);
    if (scan.at < source.length) throw new JsonProblem(scan.at, `nothing may follow the end of the JSON, but ${found(scan)} does`);
    return { ok: true, json: JSON.parse(source), notes: scan.repeated.map((name) => `${name} stands there twice; the last one counts.`) };
  } catch (error) {
    if (error instanceof JsonProblem) return { ok: false, sentence: `${position(source, error.offset)}: ${error.message}.` };
    if (error instanceof SyntaxError) return { ok: false, sentence: `not JSON: ${error.message}.` };
    throw error;
  }
}

interface Scan {
  text: string;
  at: number;
  depth: number;
  repeated: string[];
}

/** Ends the scan; never leaves this file. */
class JsonProblem extends Error {
  readonly offset: number;
  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

const LITERAL = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids control characters in strings.
const STRING_PART = /[^"\\\u0000-\u001f]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

function value(scan: Scan, expected: string): void {
  space(scan);
  const first = scan.text[scan.at];
  if (first === '{') members(scan, '}', () => field(scan, new Set()));
  else if (first === '[') members(scan, ']', () => () => value(scan, 'a value'));
  else if (first === '"') string(scan);
  else if (!skip(scan, LITERAL)) throw new JsonProblem(scan.at, mistaken(scan, expected));
}

/** The members of an object or a list, up to its end. `member` makes the reader of one member, once per object. */
function members(scan: Scan, end: '}' | ']', reader: () => () => void): void {
  const start = scan.at++;
  if (++scan.depth > MAX_CONTRACT_DEPTH) throw new JsonProblem(start, `nested more than ${MAX_CONTRACT_DEPTH} levels deep`);
  const member = reader();
  space(scan);
  while (scan.text[scan.at] !== end) {
    member();
    space(scan);
    const next = scan.text[scan.at];
    if (next === end) break;
    if (next !== ',') throw new JsonProblem(scan.at, `expected "," or "${end}"${opened(scan, start)}, found ${found(scan)}`);
    const place = scan.at++;
    space(scan);
    if (scan.text[scan.at] === end) throw new JsonProblem(place, `a trailing comma: JSON allows none before "${end}"`);
  }
  scan.depth--;
  scan.at++;
}

function field(scan: Scan, names: Set<string>): () => void {
  return () => {
    if (scan.text[scan.at] !== '"') throw new JsonProblem(scan.at, mistaken(scan, 'the name of a field in double quotes'));
    const name = string(scan);
    if (names.has(name)) scan.repeated.push(name);
    names.add(name);
    space(scan);
    if (scan.text[scan.at] !== ':') throw new JsonProblem(scan.at, `expected ":" after ${name}, found ${found(scan)}`);
    scan.at++;
    value(scan, 'a value');
  };
}

function string(scan: Scan): string {
  const start = scan.at++;
  while (skip(scan, STRING_PART));
  const next = scan.text[scan.at];
  if (next === '\\')
    throw new JsonProblem(scan.at, `${JSON.stringify(scan.text.slice(scan.at, scan.at + 2))} is no escape; write "\\\\" for a backslash`);
  if (next !== '"') throw new JsonProblem(start, 'this text has no closing quote on its line');
  scan.at++;
  return String(JSON.parse(scan.text.slice(start, scan.at)));
}

function space(scan: Scan): void {
  skip(scan, /[ \t\r\n]+/y);
  if (/^(?:\/\/|\/\*|#)/.test(scan.text.slice(scan.at, scan.at + 2))) {
    throw new JsonProblem(scan.at, 'a comment: JSON has none. Remove it, or write a field named "$comment"');
  }
}

function skip(scan: Scan, pattern: RegExp): boolean {
  pattern.lastIndex = scan.at;
  const match = pattern.exec(scan.text);
  if (match === null) return false;
  scan.at = pattern.lastIndex;
  return true;
}

function mistaken(scan: Scan, expected: string): string {
  const first = scan.text[scan.at];
  if (first === "'" || first === '“' || first === '‘' || first === '`')
    return `expected ${expected}, found ${found(scan)}; JSON wants "double quotes"`;
  return `expected ${expected}, found ${found(scan)}`;
}

function found(scan: Scan): string {
  if (scan.at >= scan.text.length) return 'the end of the file';
  const word = /^[\w.+-]{1,30}/.exec(scan.text.slice(scan.at, scan.at + 30))?.[0];
  return word ?? JSON.stringify(String.fromCodePoint(scan.text.codePointAt(scan.at) ?? 0));
}

/** Where the object or list began that was expected to go on, when that is on another line. */
function opened(scan: Scan, start: number): string {
  const line = lineOf(scan.text, start);
  return line === lineOf(scan.text, scan.at) ? '' : ` for the one of line ${line}`;
}

function position(text: string, offset: number): string {
  const column = offset - (text.lastIndexOf('\n', offset - 1) + 1) + 1;
  return `line ${lineOf(text, offset)}, column ${column}`;
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
