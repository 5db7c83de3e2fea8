import type { TestContext } from 'node:test';
import { type ServeOptions, serveHttp } from '@greenroom/sdk/app';
import { freePorts } from '../../../../../bench/harness/ports.ts';

export interface Answer {
  status: number;
  /** The lines of a run, or the one object of a refusal. */
  lines: Record<string, unknown>[];
}

/** An app with migrations; answers the internal port of it. */
export async function serveMigrations(t: TestContext, options: ServeOptions): Promise<number> {
  const [port, internal = 0] = await freePorts(2);
  const env = { PORT: String(port), INTERNAL_PORT: String(internal) };
  const running = await serveHttp((_request, response) => response.end(), { env, ...options });
  t.after(() => running.stop());
  return internal;
}

export async function run(port: number, query = '', init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}/migrations/run${query}`, { method: 'POST', ...init });
  return { status: response.status, lines: linesOf(await response.text()) };
}

/** A run, line by line as it comes. */
export async function* follow(port: number): AsyncGenerator<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${port}/migrations/run`, { method: 'POST' });
  let rest = '';
  for await (const chunk of response.body ?? []) {
    rest += Buffer.from(chunk).toString();
    const end = rest.lastIndexOf('\n') + 1;
    yield* linesOf(rest.slice(0, end));
    rest = rest.slice(end);
  }
}

/** Events with their names: `applied 001_users`. */
export function brief({ lines }: Answer): string[] {
  return lines.map(({ event, name }) => (name === undefined ? String(event) : `${event} ${name}`));
}

export async function schemaStatus(port: number): Promise<unknown> {
  return (await fetch(`http://127.0.0.1:${port}/schema/status`)).json();
}

function linesOf(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
