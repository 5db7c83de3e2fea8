import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type MigrationRuns, migrationRuns } from '../migrations/endpoint.ts';
import { createHealth, describeError, type Health } from './health.ts';
import { type InternalAddress, internalAddress, listenInternally } from './internal-address.ts';
import { type InternalOptions, type Listener, reporterOf } from './options.ts';
import { within } from './within.ts';

const DEFAULT_HEALTH_PATH = '/healthz';
const DEFAULT_SCHEMA_PATH = '/schema/status';
const MIGRATIONS_PATH = '/migrations/run';
/** The orchestrator waits no longer for a schema status than for health. */
const SCHEMA_TIMEOUT_MS = 4_000;

/** The listener that only this machine reaches. */
export interface Internal {
  /** Null when Greenroom named no address: then nothing listens. */
  address: InternalAddress | null;
  server: Server;
  /** What health answers from now on, unless a part fails. */
  phase: 'starting' | 'ok' | 'stopping';
  /** Resolves when no migration is being applied; the next pending one is not begun. */
  settle(): Promise<void>;
  close(): void;
}

/** Opens the internal listener; it says `starting` until its phase is set. */
export async function openInternal(options: InternalOptions): Promise<Internal> {
  const { env = process.env, schema, migrations } = options;
  const report = reporterOf(options);
  if (migrations && !schema) throw new TypeError('migrations needs schema: it says which migrations there are and which the database has.');
  const check = createHealth(options.health ?? {});
  const runs: MigrationRuns | null = migrations && schema ? migrationRuns(schema, migrations, report) : null;

  const health: Listener = async (_request, response) => {
    const checks = internal.phase === 'ok' ? await check() : {};
    const failing = Object.values(checks).some(({ ok }) => !ok);
    const answer: Health = { status: failing ? 'failing' : internal.phase, checks };
    json(response, answer.status === 'ok' ? 200 : 503, answer);
  };
  let told: string | null = null;
  const schemaStatus: Listener = async (_request, response) => {
    if (!schema) return refuse(response, 404, 'not_found', 'The app tells nothing about its schema: it was started without "schema".');
    try {
      const { status, problem } = await within(SCHEMA_TIMEOUT_MS, schema.state());
      // Asked again and again, told once.
      if (problem !== null && problem !== told) report(new Error(problem));
      told = problem;
      json(response, 200, status);
    } catch (error) {
      report(error);
      refuse(response, 503, 'schema_unreadable', `The schema could not be read: ${describeError(error)}`);
    }
  };
  const run =
    (runs: MigrationRuns): Listener =>
    (request, response) => {
      if (internal.phase !== 'starting') return runs.handle(request, response);
      refuse(response, 503, 'unavailable', 'The app is starting. Ask again when health says ok.');
    };
  const routes = new Map<string, Listener>([
    ...Object.entries(options.internal ?? {}),
    [options.healthPath ?? DEFAULT_HEALTH_PATH, reading(health)],
    [options.schemaPath ?? DEFAULT_SCHEMA_PATH, reading(schemaStatus)],
    ...(runs ? ([[MIGRATIONS_PATH, changing(run(runs))]] as const) : []),
  ]);

  const server = createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    const route = routes.get(path);
    if (!route) return refuse(response, 404, 'not_found', 'The internal listener has no such path.');
    void (async () => route(request, response))().catch((error: unknown) => {
      report(error);
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'internal_error', 'The app failed. Its log says why.');
    });
  });
  const internal: Internal = {
    address: internalAddress(env),
    server,
    phase: 'starting',
    settle: async () => runs?.settle(),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
  if (internal.address) await listenInternally(server, internal.address);
  return internal;
}

function reading(listener: Listener): Listener {
  return (request, response) => {
    if (request.method === 'GET' || request.method === 'HEAD') return listener(request, response);
    response.setHeader('allow', 'GET, HEAD');
    refuse(response, 405, 'method_not_allowed', 'Ask for this with GET.');
  };
}

/** For programs only: a page in a browser on this machine could send a POST here as well, but not without `Origin`. */
function changing(listener: Listener): Listener {
  return (request: IncomingMessage, response) => {
    if (request.method !== 'POST') {
      response.setHeader('allow', 'POST');
      return refuse(response, 405, 'method_not_allowed', 'Send this with POST.');
    }
    if (request.headers.origin !== undefined || request.headers['sec-fetch-site'] !== undefined) {
      return refuse(response, 403, 'forbidden', 'Not from a web page. Use a program, such as curl.');
    }
    return listener(request, response);
  };
}

function refuse(response: ServerResponse, status: number, code: string, error: string): void {
  json(response, status, { code, error });
}

function json(response: ServerResponse, status: number, content: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(response.req.method === 'HEAD' ? undefined : `${JSON.stringify(content)}\n`);
}
