import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Parsed } from './bodies.ts';
import type { Limits } from './splice/limits.ts';

const SETTINGS_FILE = 'settings.json';
const MAX_WORKERS = 64;
const ALLOWED = `a whole number from 1 to ${MAX_WORKERS}, or "auto" for one per core`;
const DAY_MS = 86_400_000;

/** Names in the file, each with the least and the most that makes sense. */
const LIMITS = {
  head_bytes: { limit: 'headBytes', least: 1_024, most: 256 * 1_024 },
  head_timeout_ms: { limit: 'headTimeoutMs', least: 100, most: DAY_MS },
  idle_timeout_ms: { limit: 'idleTimeoutMs', least: 100, most: DAY_MS },
  stall_timeout_ms: { limit: 'stallTimeoutMs', least: 100, most: DAY_MS },
  answer_timeout_ms: { limit: 'answerTimeoutMs', least: 0, most: DAY_MS },
  total_timeout_ms: { limit: 'totalTimeoutMs', least: 0, most: DAY_MS },
} as const satisfies Record<string, { limit: keyof Limits; least: number; most: number }>;

/** What the operator sets for the machine's proxy, in its folder. Read at its start. */
export interface Settings {
  workers: number;
  /** Those that are not the defaults. */
  limits: Partial<Limits>;
  /** Names in the file that mean nothing here: of another version, or mistaken. */
  unknown: string[];
}

export const DEFAULT_SETTINGS: Settings = { workers: 1, limits: {}, unknown: [] };
const NAMES = ['workers', 'limits'];

/** The settings, with the defaults for what is not there. */
export async function readSettings(directory: string): Promise<Parsed<Settings>> {
  const file = join(directory, SETTINGS_FILE);
  const refuse = (error: string): Parsed<Settings> => ({ ok: false, error: `${file}: ${error}` });
  try {
    const json: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (!isObject(json)) return refuse('must be an object such as {"workers": 2}');
    const { workers = DEFAULT_SETTINGS.workers, limits = {} } = json;
    const [count, read] = [parseWorkers(workers), parseLimits(limits)];
    if (!count.ok) return refuse(count.error);
    if (!read.ok) return refuse(read.error);
    const unknown = [...unknownNames(json, NAMES), ...unknownNames(limits as object, Object.keys(LIMITS)).map((name) => `limits.${name}`)];
    return { ok: true, value: { workers: count.value, limits: read.value, unknown } };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { ok: true, value: DEFAULT_SETTINGS };
    return refuse(`cannot be read: ${(error as Error).message}`);
  }
}

/** A number of processes; `auto` is one for each core that this process may use. */
export function parseWorkers(value: unknown): Parsed<number> {
  if (value === 'auto') return { ok: true, value: Math.min(availableParallelism(), MAX_WORKERS) };
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_WORKERS) return { ok: true, value };
  return { ok: false, error: `"workers" is ${JSON.stringify(value)}, but must be ${ALLOWED}` };
}

function parseLimits(json: unknown): Parsed<Partial<Limits>> {
  if (!isObject(json)) return { ok: false, error: '"limits" must be an object such as {"total_timeout_ms": 60000}' };
  const limits: Partial<Limits> = {};
  for (const [name, { limit, least, most }] of Object.entries(LIMITS)) {
    const value = json[name];
    if (value === undefined) continue;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
      return { ok: false, error: `"limits.${name}" is ${JSON.stringify(value)}, but must be a whole number from ${least} to ${most}` };
    limits[limit] = value;
  }
  return { ok: true, value: limits };
}

function unknownNames(json: object, known: readonly string[]): string[] {
  return Object.keys(json).filter((name) => !known.includes(name));
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
