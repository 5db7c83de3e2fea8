import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Schema } from '../schema/schema.ts';
import { describeError } from '../serve/health.ts';
import type { Migrations } from './options.ts';
import { type MigrationEvent, runPending } from './run.ts';

export interface MigrationRuns {
  /** Answers `POST /migrations/run`. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Lets the migration that is being applied end, and begins no other one. */
  settle(): Promise<void>;
}

/**
 * `POST /migrations/run`: 200 and one JSON object a line, as it happens (`MigrationEvent`). With `?dry_run=1` one line `plan`, and nothing is done.
 * 409 `migrations_running` with `held_by`, 409 `schema_diverged`, 503 `unavailable` as one JSON object. The run goes on when whoever asked leaves.
 */
export function migrationRuns(schema: Schema, migrations: Migrations, report: (error: unknown) => void): MigrationRuns {
  let current: { holder: string; done: Promise<void> } | null = null;
  let stopping = false;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
    if (/^(1|true)$/.test(searchParams.get('dry_run') ?? '')) return plan(response);
    if (stopping) return refuse(response, 503, { code: 'unavailable', error: 'The app is being stopped. Ask the next instance.' });
    if (current) return refuseHeld(response, current.holder);
    const holder = `pid ${process.pid} since ${new Date().toISOString()}`;
    const done = Promise.withResolvers<void>();
    current = { holder, done: done.promise };
    try {
      await locked(holder, response);
    } catch (error) {
      if (response.headersSent) throw error;
      report(error);
      refuse(response, 503, { code: 'unavailable', error: `The schema could not be read: ${describeError(error)}. Nothing was run.` });
    } finally {
      current = null;
      done.resolve();
    }
  }

  async function locked(holder: string, response: ServerResponse): Promise<void> {
    let lock: Awaited<ReturnType<Migrations['lock']['take']>>;
    try {
      lock = await migrations.lock.take(holder);
    } catch (error) {
      report(error);
      return refuse(response, 503, {
        code: 'unavailable',
        error: `The lock could not be taken: ${describeError(error)}. Nothing was run.`,
      });
    }
    if ('heldBy' in lock) return refuseHeld(response, lock.heldBy);
    try {
      const state = await schema.state();
      if (state.problem !== null) return refuse(response, 409, { code: 'schema_diverged', error: `${state.problem} Nothing was run.` });
      begin(response);
      const tell = (event: MigrationEvent): void => write(response, event);
      await runPending({ schema, migrations, tell, stopping: () => stopping }, state);
      if (!response.destroyed) response.end();
    } finally {
      await lock.release();
    }
  }

  async function plan(response: ServerResponse): Promise<void> {
    const { pending, status, problem } = await schema.state();
    begin(response);
    write(response, { event: 'plan', pending, schema: status, problem });
    response.end();
  }

  return {
    handle,
    async settle() {
      stopping = true;
      await current?.done;
    },
  };
}

function begin(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
}

function write(response: ServerResponse, content: unknown): void {
  if (!response.destroyed) response.write(`${JSON.stringify(content)}\n`);
}

function refuseHeld(response: ServerResponse, heldBy: string): void {
  const error = `Migrations are being run by ${heldBy}. Nothing was run here; ask again when that has ended.`;
  refuse(response, 409, { code: 'migrations_running', error, held_by: heldBy });
}

function refuse(response: ServerResponse, status: number, content: { code: string; error: string; held_by?: string }): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(content)}\n`);
}
