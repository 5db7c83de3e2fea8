import { askApp } from '../orchestrator/adapters/probe/request.ts';
import { readProcessorWaitMs } from '../proc.ts';
import type { Staged } from './stage.ts';

/** One answer to a request of the doctor. */
export interface Visit {
  status: number;
  body: string;
  /** Without the time in which the app or the doctor waited for a processor: a busy machine is no fault of the app. */
  ms: number;
  /** Cookies that it set: name to value. */
  cookies: Map<string, string>;
}

/** What an instance answered on one path: the first visit, then some more, none with a cookie. Empty when it did not answer. */
export interface Visits {
  path: string;
  visits: Visit[];
}

export interface Form {
  path: string;
  /** `name=value&…` */
  body: string;
}

const VISITS = 4;
const VISIT_TIMEOUT_MS = 10_000;

/** Asks each path several times, one after the other. */
export async function visitAll(staged: Staged, paths: readonly string[], signal: AbortSignal): Promise<Visits[]> {
  const all: Visits[] = [];
  for (const path of paths) {
    const visits: Visit[] = [];
    while (visits.length < VISITS) {
      const made = await visit(staged, path, new Map(), signal);
      if (!made) break;
      visits.push(made);
    }
    all.push({ path, visits });
  }
  return all;
}

/** Undefined when there was no whole answer in time. */
export async function visit(
  { host, instance }: Staged,
  path: string,
  jar: ReadonlyMap<string, string>,
  signal: AbortSignal,
  form?: string,
): Promise<Visit | undefined> {
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  const headers = {
    ...(cookie === '' ? {} : { cookie }),
    ...(form === undefined
      ? {}
      : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(Buffer.byteLength(form)) }),
  };
  const waited = (): number => readProcessorWaitMs(instance.pid) + readProcessorWaitMs(process.pid);
  const [start, waitedBefore] = [performance.now(), waited()];
  const method = form === undefined ? 'GET' : 'POST';
  const body = form === undefined ? {} : { body: form };
  const answer = await askApp({
    address: { host, port: instance.port },
    method,
    path,
    headers,
    timeoutMs: VISIT_TIMEOUT_MS,
    signal,
    ...body,
  });
  signal.throwIfAborted();
  if (!answer.ok) return undefined;
  const cookies = new Map((answer.headers['set-cookie'] ?? []).map(parseCookie));
  const ms = Math.max(0, performance.now() - start - (waited() - waitedBefore));
  return { status: answer.status, body: answer.body, ms, cookies };
}

function parseCookie(line: string): [name: string, value: string] {
  const [pair = ''] = line.split(';');
  const equals = pair.indexOf('=');
  return [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()];
}
