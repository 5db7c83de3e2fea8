import type { Schema, SchemaState } from '../schema/schema.ts';
import type { SchemaStatus } from '../schema-status.ts';
import { describeError } from '../serve/health.ts';
import type { Migrations } from './options.ts';

/** One line of what `POST /migrations/run` answers. The last one is `done`, `failed` or `stopped`; an answer without it was cut. */
export type MigrationEvent =
  | { event: 'start'; pending: string[]; schema: SchemaStatus }
  | { event: 'applying'; name: string }
  | { event: 'applied'; name: string; ms?: number }
  | { event: 'done'; applied: string[]; schema: SchemaStatus }
  /** `name` is the migration that failed, `applied` what had been applied before it in this run, `pending` what is left, it included. */
  | { event: 'failed'; name: string; error: string; applied: string[]; pending: string[]; schema: SchemaStatus | null }
  /** The app is being stopped; no migration was interrupted. */
  | { event: 'stopped'; applied: string[]; pending: string[]; schema: SchemaStatus };

export interface Run {
  schema: Schema;
  migrations: Migrations;
  tell(event: MigrationEvent): void;
  stopping(): boolean;
}

/** Applies what is pending in `state`, in order, and stops at the first failure. Told is what the database says, not what was hoped for. */
export async function runPending(run: Run, state: SchemaState): Promise<void> {
  run.tell({ event: 'start', pending: state.pending, schema: state.status });
  const { migrations } = run;
  await (migrations.apply ? oneByOne(run, (name) => migrations.apply(name), state) : atOnce(run, () => migrations.applyAll(), state));
}

async function oneByOne(run: Run, apply: (name: string) => unknown, first: SchemaState): Promise<void> {
  const applied: string[] = [];
  let state = first;
  for (let [name] = state.pending; name !== undefined; [name] = state.pending) {
    if (run.stopping()) return run.tell({ event: 'stopped', applied, pending: state.pending, schema: state.status });
    run.tell({ event: 'applying', name });
    const began = performance.now();
    try {
      await apply(name);
    } catch (error) {
      return tellFailure(run, { name, applied, error, before: state });
    }
    const ms = Math.round(performance.now() - began);
    const after = await run.schema.state();
    if (after.pending.includes(name)) {
      return tellFailure(run, {
        name,
        applied,
        error: new Error('It was run, but the database does not have it as applied.'),
        before: after,
      });
    }
    applied.push(name);
    run.tell({ event: 'applied', name, ms });
    state = after;
  }
  run.tell({ event: 'done', applied, schema: state.status });
}

async function atOnce(run: Run, applyAll: () => unknown, before: SchemaState): Promise<void> {
  let problem: { error: unknown } | null = null;
  if (before.pending.length > 0) {
    try {
      await applyAll();
    } catch (error) {
      problem = { error };
    }
  }
  const after = await run.schema.state();
  const left = new Set(after.pending);
  const applied = before.pending.filter((name) => !left.has(name));
  for (const name of applied) run.tell({ event: 'applied', name });
  const [name] = after.pending;
  if (!problem && name === undefined) return run.tell({ event: 'done', applied, schema: after.status });
  const error = problem ? problem.error : new Error('It was to be run, but the database does not have it as applied.');
  return tellFailure(run, { name: name ?? applied.at(-1) ?? '', applied, error, before: after });
}

async function tellFailure(
  { schema, tell }: Run,
  { name, applied, error, before }: { name: string; applied: string[]; error: unknown; before: SchemaState },
): Promise<void> {
  // The database may be what failed.
  const now = await schema.state().catch(() => null);
  const pending = (now ?? before).pending;
  tell({ event: 'failed', name, error: describeError(error), applied, pending, schema: now?.status ?? null });
}
