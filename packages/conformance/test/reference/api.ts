import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Attempt, AttemptRequest, Deployer } from './deployer.ts';
import { faulty } from './faults.ts';

const BODY_LIMIT_BYTES = 64 * 1024;
const STEPS = ['resolve', 'prepare', 'boot', 'probe', 'promote', 'retire'];

/** A request that never becomes an attempt. */
class Refused extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function serveApi(port: number, deployer: Deployer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    answer(request, port, deployer).then(
      ([status, body]) => send(response, status, body),
      (error: unknown) => {
        const { status, code, message } = error instanceof Refused ? error : new Refused(500, 'internal_error', String(error));
        if (faulty('text-errors') && status === 404) response.writeHead(404).end('not found');
        else send(response, status, { success: false, code, error: message });
      },
    );
  });
  server.listen(port, faulty('api-on-all-interfaces') ? '0.0.0.0' : '127.0.0.1', () => resolve());
  return promise;
}

async function answer(request: IncomingMessage, port: number, deployer: Deployer): Promise<[number, unknown]> {
  const local = ['127.0.0.1', 'localhost', '[::1]'].map((host) => `${host}:${port}`);
  if (!local.includes(request.headers.host ?? '') && !faulty('any-host')) throw new Refused(403, 'forbidden', 'foreign Host header');
  const origin = request.headers.origin;
  if (origin && !local.includes(origin.replace('http://', '')) && !faulty('any-origin'))
    throw new Refused(403, 'forbidden', 'foreign Origin header');
  const route = `${request.method} ${request.url}`;
  if (route === 'GET /') return [200, { ready: true }];
  if (route === 'GET /status') return [200, deployer.status()];
  if (route === 'GET /deploys') return [200, { deploys: deployer.attempts() }];
  if (route.startsWith('GET /deploys/')) {
    const found = deployer.attempts().find(({ id }) => request.url === `/deploys/${id}`);
    if (found) return [200, faulty('no-steps') ? { ...found, steps: [] } : found];
  }
  if (route === 'POST /deploy' || route === 'POST /rollback') {
    const body = await readBody(request);
    const kind = route === 'POST /deploy' ? 'deploy' : 'rollback';
    if (kind === 'deploy') check(body);
    return outcome(await deployer.attempt({ ...body, kind }), deployer);
  }
  if (faulty('catch-all-route')) return [200, { code: 'ok', error: 'what did you mean?' }];
  throw new Refused(404, 'not_found', `${route} is not part of this API`);
}

function outcome(attempt: Attempt, deployer: Deployer): [number, unknown] {
  const { id, commit, slot, previous_commit, step, code, error, kind } = attempt;
  if (code) return [code === 'commit_not_found' ? 404 : 409, { success: false, id, ...(faulty('no-step') ? {} : { step }), code, error }];
  if (attempt.dry_run && !attempt.promoted) {
    return [200, { success: true, dry_run: true, kind, commit, slot, steps: STEPS.map((name) => ({ step: name, detail: '' })) }];
  }
  const shown = faulty('one-slot-name') ? deployer.status()['live_slot'] : slot;
  return [
    200,
    { success: true, id, slot: shown, commit, ...(kind === 'rollback' || faulty('no-previous-commit') ? {} : { previous_commit }) },
  ];
}

async function readBody(request: IncomingMessage): Promise<Omit<AttemptRequest, 'kind'>> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += (part as Buffer).length;
    if (size <= BODY_LIMIT_BYTES || faulty('no-body-limit')) parts.push(part as Buffer);
  }
  if (size > BODY_LIMIT_BYTES && !faulty('no-body-limit'))
    throw new Refused(413, 'too_large', `a body has at most ${BODY_LIMIT_BYTES} bytes`);
  if (size === 0) return {};
  try {
    return JSON.parse(Buffer.concat(parts).toString());
  } catch (error) {
    throw new Refused(400, 'invalid_request', String(error));
  }
}

function check(body: Omit<AttemptRequest, 'kind'>): void {
  const named = [body.commit, body.branch].filter((name) => name !== undefined);
  const right = typeof named[0] === 'string' && (named.length === 1 || faulty('loose-body'));
  if (!right) throw new Refused(400, 'invalid_request', 'exactly one of commit and branch, a string');
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
