import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Parsed } from './bodies.ts';

const SETTINGS_FILE = 'settings.json';
const MAX_WORKERS = 64;
const ALLOWED = `a whole number from 1 to ${MAX_WORKERS}, or "auto" for one per core`;

/** What the operator sets for the machine's proxy, in its folder. Read at its start. */
export interface Settings {
  workers: number;
}

const DEFAULTS: Settings = { workers: 1 };

/** The settings, with the defaults for what is not there. */
export async function readSettings(directory: string): Promise<Parsed<Settings>> {
  const file = join(directory, SETTINGS_FILE);
  const refuse = (error: string): Parsed<Settings> => ({ ok: false, error: `${file}: ${error}` });
  try {
    const json: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return refuse('must be an object such as {"workers": 2}');
    const { workers = DEFAULTS.workers } = json as { workers?: unknown };
    const parsed = parseWorkers(workers);
    return parsed.ok ? { ok: true, value: { workers: parsed.value } } : refuse(parsed.error);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { ok: true, value: DEFAULTS };
    return refuse(`cannot be read: ${(error as Error).message}`);
  }
}

/** A number of processes; `auto` is one for each core that this process may use. */
export function parseWorkers(value: unknown): Parsed<number> {
  if (value === 'auto') return { ok: true, value: Math.min(availableParallelism(), MAX_WORKERS) };
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_WORKERS) return { ok: true, value };
  return { ok: false, error: `"workers" is ${JSON.stringify(value)}, but must be ${ALLOWED}` };
}
