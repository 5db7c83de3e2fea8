import { createHash } from 'node:crypto';
import { OWN_PATTERNS, type SecretPattern } from './patterns.ts';
import { presetReports } from './preset.ts';

/** What looks like a secret, without the secret. */
export interface Found {
  rule: string;
  /** Counted from 1. */
  line: number;
  /** The same for the same secret found by the same rule, wherever it is; short, and no way back to the secret. */
  fingerprint: string;
  /** "ghp_… (40 characters)". */
  shown: string;
  /** Offsets into the text; 0 when the text had to be decoded first. */
  start: number;
  end: number;
}

/** Bytes of a text that are looked at together. The next part begins before the end of the last, so that no secret is cut. */
const WINDOW_BYTES = 4 * 1024 * 1024;
const OVERLAP_BYTES = 32 * 1024;

/**
 * Escapes before a word, as in "\\nAKIA…" and "%3Dghp_…": their last letters would make the secret look like the end of a longer word. A second look has
 * spaces there, so that the places stay what they are.
 */
const ESCAPES = /(?:\\(?:[nrtbfv]|x[0-7][\da-f]|u00[0-7][\da-f])|%[0-7][\da-f])(?=\w)/gi;

/** Everything in the bytes that looks like a secret, each secret once. Bytes of any kind: text, UTF-16, UTF-32, binary. */
export async function scanBytes(bytes: Uint8Array, patterns: readonly SecretPattern[]): Promise<Found[]> {
  const found = new Map<string, Found>();
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let line = 1;
  for (let at = 0; at === 0 || at < buffer.length; at += WINDOW_BYTES) {
    const window = buffer.subarray(at, at + WINDOW_BYTES + OVERLAP_BYTES);
    const whole = buffer.length <= WINDOW_BYTES + OVERLAP_BYTES;
    for (const each of await scanWindow(window, patterns)) {
      const key = `${each.rule} ${each.fingerprint}`;
      const places = whole ? {} : { start: 0, end: 0 };
      if (!found.has(key)) found.set(key, { ...each, ...places, line: each.line + line - 1 });
    }
    line += newlines(buffer.subarray(at, at + WINDOW_BYTES));
    if (whole) break;
  }
  return [...found.values()];
}

async function scanWindow(window: Buffer, patterns: readonly SecretPattern[]): Promise<Found[]> {
  const text = window.toString('utf8');
  if (!text.includes('\0')) return scanText(text, patterns);
  // Without its NULs, ASCII in UTF-16 and UTF-32 of either byte order reads as such.
  const stripped = await scanText(window.toString('latin1').replaceAll('\0', ''), patterns);
  return [...(await scanText(text, patterns)), ...stripped.map((each) => ({ ...each, start: 0, end: 0 }))];
}

async function scanText(text: string, patterns: readonly SecretPattern[]): Promise<Found[]> {
  const spans = [...ownSpans(text, patterns), ...ownSpans(text, OWN_PATTERNS), ...(await presetReports(text))];
  const blanked = text.replace(ESCAPES, (found) => ' '.repeat(found.length));
  if (blanked !== text) spans.push(...ownSpans(blanked, patterns), ...ownSpans(blanked, OWN_PATTERNS), ...(await presetReports(blanked)));
  spans.sort((one, other) => one.start - other.start);
  const found: Found[] = [];
  let line = 1;
  let counted = 0;
  let covered = -1;
  for (const { rule, start, end } of spans) {
    // Several rules may know the same secret; the first to begin names it.
    if (start < covered) continue;
    covered = end;
    for (let next = text.indexOf('\n', counted); next !== -1 && next < start; next = text.indexOf('\n', next + 1)) {
      line += 1;
      counted = next + 1;
    }
    const secret = text.slice(start, end);
    found.push({ rule, line, start, end, shown: masked(secret), fingerprint: fingerprintOf(rule, secret) });
  }
  return found;
}

function ownSpans(text: string, patterns: readonly SecretPattern[]): { rule: string; start: number; end: number }[] {
  const spans: { rule: string; start: number; end: number }[] = [];
  for (const { rule, pattern, plausible } of patterns) {
    for (const match of text.matchAll(pattern)) {
      const secret = match[1] ?? match[0];
      if (secret === '' || (plausible !== undefined && !plausible(secret))) continue;
      const start = match.index + match[0].lastIndexOf(secret);
      spans.push({ rule, start, end: start + secret.length });
    }
  }
  return spans;
}

function masked(secret: string): string {
  const line = /^[^\p{Cc}]*/u.exec(secret)?.[0] ?? '';
  const visible = secret.length >= 16 ? 4 : secret.length >= 8 ? 2 : 0;
  return `${line.slice(0, visible)}… (${secret.length} characters)`;
}

function fingerprintOf(rule: string, secret: string): string {
  return createHash('sha256').update(`${rule}\0${secret}`).digest('hex').slice(0, 16);
}

function newlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) count += 1;
  return count;
}
