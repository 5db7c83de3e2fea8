import type { ToolContent } from '@greenroom/sdk/chat';
import { type StructuredPatchHunk, structuredPatch } from 'diff';
import { takeMarks } from '../acp/shorten.ts';
import { clean, KEPT_BYTES, shorten } from './text.ts';

export type DiffContent = Extract<ToolContent, { type: 'diff' }>;

const CONTEXT_LINES = 3;
/** With more changed lines than that it is shown as a rewrite: finding what stayed would take long and say little. */
const MAX_CHANGED_LINES = 1_000;

/** What an edit changed, as hunks. `before` is null for a file that is made. */
export function diffContent(path: string, before: string | null, after: string): DiffContent {
  const change = before === null ? 'added' : 'changed';
  const missing = takeMarks(before ?? '').omitted + takeMarks(after).omitted;
  if (missing > 0) return { type: 'diff', path, change, diff: '', added: 0, removed: 0, omitted: missing };
  const left = clean(before ?? '');
  const right = clean(after);
  const options = { context: CONTEXT_LINES, maxEditLength: MAX_CHANGED_LINES };
  const hunks = structuredPatch('', '', left, right, '', '', options)?.hunks ?? [rewrite(left, right)];
  const lines = hunks.flatMap((hunk) => [
    `@@ -${range(hunk.oldStart, hunk.oldLines)} +${range(hunk.newStart, hunk.newLines)} @@`,
    ...hunk.lines,
  ]);
  const count = (sign: string): number => hunks.reduce((sum, hunk) => sum + hunk.lines.filter((line) => line.startsWith(sign)).length, 0);
  const { text, omitted } = cutAtLines(lines);
  return { type: 'diff', path, change, diff: text, added: count('+'), removed: count('-'), ...(omitted === undefined ? {} : { omitted }) };
}

/** Everything goes, everything comes. */
function rewrite(left: string, right: string): StructuredPatchHunk {
  const before = linesOf(left);
  const after = linesOf(right);
  const lines = [...before.map((line) => `-${line}`), ...after.map((line) => `+${line}`)];
  return { oldStart: 1, oldLines: before.length, newStart: 1, newLines: after.length, lines };
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

/** As diff programs write it: an empty range names the line before it. */
function range(start: number, lines: number): string {
  return `${lines === 0 ? start - 1 : start},${lines}`;
}

/** Only the begin of a long diff is kept, whole lines of it: hunks without their begin say nothing. */
function cutAtLines(lines: readonly string[]): { text: string; omitted?: number } {
  const text = lines.join('\n');
  const bytes = Buffer.byteLength(text);
  if (bytes <= 2 * KEPT_BYTES) return { text };
  const kept: string[] = [];
  let keptBytes = 0;
  for (const line of lines) {
    const next = line.length > 2_000 ? shorten(line, 500).text.replaceAll('\n', ' ') : line;
    if (keptBytes + Buffer.byteLength(next) + 1 > 2 * KEPT_BYTES) break;
    kept.push(next);
    keptBytes += Buffer.byteLength(next) + 1;
  }
  return { text: kept.join('\n'), omitted: Math.max(1, bytes - keptBytes) };
}
