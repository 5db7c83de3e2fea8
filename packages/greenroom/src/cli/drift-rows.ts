import type { DriftView } from '@greenroom/sdk/wire';
import { table } from './format.ts';
import { plain } from './terminal.ts';

/** One line per finding: name, what is done about it, detail. */
export function driftRows(drift: readonly DriftView[]): string[] {
  return table(drift.map(({ name, action, detail }) => [plain(name), plain(action), plain(detail)]));
}
