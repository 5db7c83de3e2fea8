import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join, resolve } from 'node:path';

export const RESULTS: string = join(import.meta.dirname, '..', 'results');

interface Result {
  /** The day is added to it. */
  title: string;
  /** Of the file, after its time. */
  name: string;
  /** More to know than commit and machine, in sentences. */
  setting?: string;
  /** Markdown. */
  tables: string;
  folder?: string;
}

/** Writes what was measured, with the commit and the machine, to a file of its own, named by the time (UTC), and shows it. */
export function writeResult({ title, name, setting = '', tables, folder = RESULTS }: Result): void {
  const now = new Date().toISOString();
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: import.meta.dirname, encoding: 'utf8' }).trim();
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}, Linux ${release()}, Node ${process.versions.node}`;
  const text = `# ${title} of ${now.slice(0, 10)}\n\nCommit ${commit}; ${machine}.${setting && ` ${setting}`}\n\n${tables}\n`;
  mkdirSync(folder, { recursive: true });
  const file = join(resolve(folder), `${now.slice(0, 16).replaceAll(':', '')}-${name}.md`);
  writeFileSync(file, text);
  console.log(`${text}\nwritten to ${file}`);
}
