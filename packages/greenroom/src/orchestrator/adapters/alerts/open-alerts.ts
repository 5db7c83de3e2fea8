import { readFile, rename } from 'node:fs/promises';
import { z } from 'zod';
import { writeDurably } from '../durable.ts';

/** Oldest ones are forgotten beyond this: keys that carry a commit are never resolved. */
const MOST_OPEN = 500;

const fileSchema = z.object({ next: z.number(), open: z.array(z.object({ key: z.string(), said: z.string() })) });

/** Which alerts were sent and are not resolved, so that each is sent once, across restarts too. */
export interface OpenAlerts {
  /** What was said last about the key; undefined when nothing is open. */
  said(key: string): string | undefined;
  /** Part of the id of the next alert. The same until `remember` or `forget` has succeeded: an alert raised anew after a crash has the same id. */
  next(): number;
  /** On disk when they answer. Rejecting, they have taken effect in memory. */
  remember(key: string, said: string): Promise<void>;
  forget(key: string): Promise<void>;
}

export async function loadOpenAlerts(file: string, now: number, log: (message: string) => void): Promise<OpenAlerts> {
  const state = (await read(file, log)) ?? (await begin(file, now));
  const open = new Map(state.open.map((it) => [it.key, it.said]));

  function save(): Promise<void> {
    state.next += 1;
    const content = { next: state.next, open: [...open].map(([key, said]) => ({ key, said })) };
    return writeDurably(file, `${JSON.stringify(content)}\n`);
  }

  return {
    said: (key) => open.get(key),
    next: () => state.next,
    remember(key, said) {
      open.delete(key);
      open.set(key, said);
      for (const oldest of open.keys()) {
        if (open.size <= MOST_OPEN) break;
        open.delete(oldest);
      }
      return save();
    },
    forget(key) {
      open.delete(key);
      return save();
    },
  };
}

/** From the clock, so that ids of a lost file do not come again. On disk before the first alert has its id of it: what is raised anew after a crash has the same. */
async function begin(file: string, now: number): Promise<z.output<typeof fileSchema>> {
  const state = { next: now, open: [] };
  await writeDurably(file, `${JSON.stringify(state)}\n`);
  return state;
}

async function read(file: string, log: (message: string) => void): Promise<z.output<typeof fileSchema> | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const parsed = fileSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  await rename(file, `${file}.damaged`);
  log(`${file} could not be read and was set aside as ${file}.damaged: alerts that are still open may come once more.`);
  return undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}
