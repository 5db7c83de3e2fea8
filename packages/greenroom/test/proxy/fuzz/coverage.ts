/** Which code of a folder is reached, by V8's own counts: nothing is counted in the code itself. */
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { fileURLToPath } from 'node:url';

/** The data path. */
export const SPLICE: URL = new URL('../../../src/proxy/splice/', import.meta.url);

export interface FileCoverage {
  /** Name in the folder. */
  file: string;
  /** Shares from 0 to 1: of lines with code, and of V8's blocks (functions, and what a condition leads to). */
  lines: number;
  blocks: number;
  /** Lines with code that was never reached, such as `163: return CHUNK_STATE.broken;`. */
  unreached: string[];
}

/** Counts from now on, and answers what came of it. Modules have to be loaded after it begins: what ran before is not known. */
export async function startCoverage(folder: URL): Promise<() => Promise<FileCoverage[]>> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  return async () => {
    const { result } = await session.post('Profiler.takePreciseCoverage');
    session.disconnect();
    return result
      .filter(({ url }) => url.startsWith(folder.href))
      .map(({ url, functions }) => ({
        file: url.slice(folder.href.length),
        ...coverageOf(readFileSync(fileURLToPath(url), 'utf8'), functions),
      }));
  };
}

/** A line for each file, with the code that was not reached below it. */
export function coverageReport(files: readonly FileCoverage[]): string {
  const percent = (share: number): string => `${(share * 100).toFixed(1).padStart(5)} %`;
  return files
    .toSorted((a, b) => a.file.localeCompare(b.file))
    .flatMap(({ file, lines, blocks, unreached }) => [
      `${file.padEnd(20)} lines ${percent(lines)}, blocks ${percent(blocks)}`,
      ...unreached.map((line) => `    ${line}`),
    ])
    .join('\n');
}

interface Range {
  startOffset: number;
  endOffset: number;
  count: number;
}

/** Types are stripped in place, so that offsets are those of the source. A range counts for what no narrower one lies around. */
function coverageOf(source: string, functions: readonly { ranges: Range[] }[]): Omit<FileCoverage, 'file'> {
  const ranges = functions.flatMap((each) => each.ranges);
  const reached = new Uint8Array(source.length).fill(1);
  for (const { startOffset, endOffset, count } of ranges.toSorted((a, b) => b.endOffset - b.startOffset - (a.endOffset - a.startOffset)))
    reached.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  let at = 0;
  let lines = 0;
  const unreached: string[] = [];
  for (const [index, line] of source.split('\n').entries()) {
    const missed = [...line]
      .filter((_, i) => reached[at + i] === 0)
      .join('')
      .trim();
    at += line.length + 1;
    if (!hasCode(line)) continue;
    lines += 1;
    if (hasCode(missed)) unreached.push(`${index + 1}: ${missed}`);
  }
  const blocks = ranges.filter(({ startOffset, endOffset, count }) => count > 0 || !hasCode(source.slice(startOffset, endOffset)));
  return { lines: 1 - unreached.length / Math.max(lines, 1), blocks: blocks.length / Math.max(ranges.length, 1), unreached };
}

/** What V8 gives a block of its own behind a `return` or `continue` is often a brace. */
const hasCode = (text: string): boolean => /[^\s{};)]/.test(text) && !/^\s*(?:\/\/|\/\*|\*)/.test(text);
