import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CONTAINER_PROGRAMS } from '../../core/contract-runner.ts';
import type { Instance } from '../../ports.ts';

const SUFFIX = '.json';

const recordSchema = z.object({
  instance: z.string(),
  slot: z.enum(['a', 'b']),
  commit: z.string(),
  pid: z.int().min(0),
  startTicks: z.number(),
  bootId: z.string(),
  port: z.int(),
  internalPort: z.int(),
  // Absent in records of earlier versions.
  internalSocket: z.string().default(''),
  logFile: z.string(),
  startedAt: z.number(),
  container: z.object({ program: z.enum(CONTAINER_PROGRAMS), name: z.string() }).optional(),
  ended: z
    .object({
      at: z.number(),
      exit: z.object({
        code: z.number().nullable(),
        signal: z.string().nullable(),
        description: z.string(),
        limit: z.string().exactOptional(),
      }),
    })
    .optional(),
});

/** What is on disk about a boot: the instance, pid 0 until it was started, its container, and how it ended once it has. */
export type InstanceRecord = z.output<typeof recordSchema>;

export interface Records {
  /** Throws the system's error when the disk refuses; the record is then as it was. */
  write(record: InstanceRecord): void;
  /** Undefined when there is none or it cannot be understood. */
  read(instance: string): InstanceRecord | undefined;
  /** Ids of all boots that have a file, readable or not. */
  ids(): string[];
  remove(instance: string): void;
}

/**
 * One file per boot, replaced by rename so that a reader sees the old or the new one. Not fsynced: records matter only for processes that
 * run, and after a power-off none does.
 */
export function openRecords(folder: string): Records {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fileOf = (instance: string): string => join(folder, `${instance}${SUFFIX}`);
  const read = (instance: string): InstanceRecord | undefined => parseRecord(readText(fileOf(instance)), instance);
  return {
    write(record) {
      const temporary = `${fileOf(record.instance)}.tmp`;
      try {
        writeFileSync(temporary, JSON.stringify(record), { mode: 0o600 });
        renameSync(temporary, fileOf(record.instance));
      } catch (error) {
        rmSync(temporary, { force: true });
        throw error;
      }
    },
    read,
    ids: () =>
      readdirSync(folder)
        .filter((name) => name.endsWith(SUFFIX))
        .map((name) => name.slice(0, -SUFFIX.length)),
    remove: (instance) => rmSync(fileOf(instance), { force: true }),
  };
}

/** The instance without what only the record knows. */
export function instanceOf({ ended: _ended, container: _container, ...instance }: InstanceRecord): Instance {
  return instance;
}

function parseRecord(text: string, instance: string): InstanceRecord | undefined {
  try {
    const parsed = recordSchema.safeParse(JSON.parse(text));
    return parsed.success && parsed.data.instance === instance ? parsed.data : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}
