import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { dashboardDirectory } from '../../home.ts';
import { writeDurably } from '../../orchestrator/adapters/durable.ts';
import { isAlive, ownIdentity, type ProcessIdentity } from '../../proc.ts';

/** The dashboard that runs: `<home>/dashboard/run.json`, mode 0600. Whoever can read it can make links that let a browser in. */
export interface DashboardRun extends ProcessIdentity {
  port: number;
  secret: string;
}

/** Durable before it answers. */
export async function writeRun(home: string, run: Pick<DashboardRun, 'port' | 'secret'>): Promise<void> {
  const file = runFile(home);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeDurably(file, `${JSON.stringify({ ...ownIdentity(), ...run })}\n`, 0o600);
}

/** The dashboard that runs now; undefined when there is none, also when one was killed and left its file. */
export async function readRun(home: string): Promise<DashboardRun | undefined> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(runFile(home), 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return isRun(value) && isAlive(value) ? value : undefined;
}

/** Only our own: another one may have begun since. */
export async function removeRun(home: string): Promise<void> {
  if ((await readRun(home))?.pid === process.pid) await rm(runFile(home), { force: true });
}

function runFile(home: string): string {
  return join(dashboardDirectory(home), 'run.json');
}

function isRun(value: unknown): value is DashboardRun {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, start_ticks, boot_id, port, secret } = value as Record<string, unknown>;
  return [pid, start_ticks, port].every(Number.isInteger) && [boot_id, secret].every((it) => typeof it === 'string');
}
