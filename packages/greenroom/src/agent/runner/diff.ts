import type { ToolContent } from '@greenroom/sdk/chat';
import { structuredPatch } from 'diff';
import { takeMarks } from '../acp/shorten.ts';
import { clean, KEPT_BYTES, shorten } from './text.ts';

export type DiffContent = Extract<ToolContent, { type: 'diff' }>;

const CONTEXT_LINES = 3;
/** A comparison that takes longer shows the new text only by its size. */
const PATIENCE_MS = 250;

/** What an edit changed, as hunks. `before` is null for a file that is made. */
export function diffContent(path: string, before: string | null, after: string): DiffContent {
  const change = before === null ? 'added' : 'changed';
  const left = before ?? '';
  const missing = takeMarks(left).omitted + takeMarks(after).omitted;
  const patch =
    missing > 0 ? undefined : structuredPatch('', '', clean(left), clean(after), '', '', { context: CONTEXT_LINES, timeout: PATIENCE_MS });
  if (!patch)
    return { type: 'diff', path, change, diff: '', added: 0, removed: 0, omitted: Math.max(1, missing + left.length + after.length) };
  const lines: string[] = [];
  let added = 0;
  let removed = 0;
  for (const hunk of patch.hunks) {
    lines.push(`@@ -${range(hunk.oldStart, hunk.oldLines)} +${range(hunk.newStart, hunk.newLines)} @@`);
    for (const line of hunk.lines) {
      if (line.startsWith('+')) added += 1;
      else if (line.startsWith('-')) removed += 1;
      lines.push(line);
    }
  }
  const { text, omitted } = cutAtLines(lines);
  return { type: 'diff', path, change, diff: text, added, removed, ...(omitted === undefined ? {} : { omitted }) };
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
