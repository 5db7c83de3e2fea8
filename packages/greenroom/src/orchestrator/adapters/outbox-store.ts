import { mkdir, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { syncFolder, writeDurably } from './durable.ts';

const jobSchema = z.object({
  seq: z.int().positive(),
  id: z.string().min(1),
  kind: z.string().min(1),
  key: z.string(),
  payload: z.json(),
  attempts: z.int().nonnegative(),
  started: z.int().nonnegative(),
  not_before: z.number(),
  created_at: z.number(),
  last_error: z.string(),
});

/** One job as it lies on disk. Times are milliseconds since the epoch. */
export type OutboxJob = z.output<typeof jobSchema>;

/** What a finished job leaves behind: `done` jobs so that their id is not taken again, `dead` ones for people to read. */
export type OutboxEnd = 'done' | 'dead';

/**
 * A folder with one file per job, named by its number, and the folders `done` and `dead` with the newest finished ones. Every change is one
 * rename, on disk when it answers: after a crash at any point a job is in exactly one of the three, whole.
 */
export interface OutboxStore {
  /** What was there when the store was opened, in order. */
  jobs: OutboxJob[];
  /** Ids of finished jobs that are remembered. */
  finished: Set<string>;
  dead: number;
  /** The highest number that is known; 0 in an empty store. */
  lastSeq: number;
  save(job: OutboxJob): Promise<void>;
  finish(job: OutboxJob, end: OutboxEnd): Promise<void>;
}

export async function openOutboxStore(folder: string, keepFinished: number, log: (message: string) => void): Promise<OutboxStore> {
  const folders: Record<OutboxEnd, string> = { done: join(folder, 'done'), dead: join(folder, 'dead') };
  for (const each of [folder, folders.done, folders.dead]) await mkdir(each, { recursive: true, mode: 0o700 });
  for (const each of [folder, folders.done, folders.dead]) await removeTemporary(each);
  const read = await readJobs(folder);
  for (const name of read.unreadable) {
    log(`The outbox entry ${join(folder, name)} cannot be read and was set aside in ${folders.dead}.`);
    await rename(join(folder, name), join(folders.dead, name));
  }
  const ended = { done: await readJobs(folders.done), dead: await readJobs(folders.dead) };
  const names = { done: await jobNames(folders.done), dead: await jobNames(folders.dead) };
  const store: OutboxStore = {
    jobs: read.jobs,
    finished: new Set([...ended.done.jobs, ...ended.dead.jobs].map((it) => it.id)),
    dead: names.dead.length,
    lastSeq: Math.max(0, ...[...(await jobNames(folder)), ...names.done, ...names.dead].map((it) => Number.parseInt(it, 10) || 0)),
    save: (job) => writeDurably(join(folder, fileName(job)), `${JSON.stringify(job)}\n`),
    async finish(job, end) {
      const name = fileName(job);
      await rename(join(folder, name), join(folders[end], name));
      await syncFolder(folders[end]);
      await syncFolder(folder);
      store.finished.add(job.id);
      names[end].push(name);
      if (end === 'dead') store.dead = names.dead.length;
      await prune(end);
    },
  };

  /** Ids of pruned jobs stay in `finished` until the next start, which costs nothing and forgets nothing early. */
  async function prune(end: OutboxEnd): Promise<void> {
    while (names[end].length > keepFinished) {
      const oldest = names[end].shift();
      if (oldest !== undefined) await rm(join(folders[end], oldest), { force: true });
    }
    if (end === 'dead') store.dead = names.dead.length;
  }

  return store;
}

/** Sorts by name as by number. */
function fileName(job: OutboxJob): string {
  return `${String(job.seq).padStart(12, '0')}.json`;
}

async function removeTemporary(folder: string): Promise<void> {
  for (const name of await readdir(folder)) if (name.endsWith('.tmp')) await unlink(join(folder, name));
}

async function jobNames(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((it) => it.endsWith('.json')).sort();
}

async function readJobs(folder: string): Promise<{ jobs: OutboxJob[]; unreadable: string[] }> {
  const jobs: OutboxJob[] = [];
  const unreadable: string[] = [];
  for (const name of await jobNames(folder)) {
    const parsed = jobSchema.safeParse(parseJson(await readFile(join(folder, name), 'utf8')));
    if (parsed.success) jobs.push(parsed.data);
    else unreadable.push(name);
  }
  return { jobs, unreadable };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}
