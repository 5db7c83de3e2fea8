import type { ApiAccess, AttemptKind, FailureCode, Origin, RequestErrorCode, Trigger } from '@greenroom/sdk/wire';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { z } from 'zod';
import type { Outcome } from '../core/commands.ts';
import { parseTraceparent } from '../core/traceparent.ts';
import type { Announcements } from '../runner/announcements.ts';
import type { Measured } from '../runner/measured.ts';
import type { Ask, Service } from '../runner/service.ts';
import { invalid, type ParsedBody, parseBody, refuse } from './body.ts';
import { type Api, type ApiContext, calledBy, identify, type Listener, type Peers, refusedCaller } from './caller.ts';
import { metricsText } from './metrics.ts';
import { PROMETHEUS_TEXT } from './metrics-page.ts';
import { addOperatorCalls, type OperatorOptions, refuseOthers } from './operator.ts';

import { deployBody, limitQuery, logsQuery, restartBody, rollbackBody } from './schemas.ts';
import { trafficView } from './traffic.ts';

export const MAX_BODY_BYTES = 64 * 1024;
const SSE_HEARTBEAT_MS = 15_000;

export interface ApiOptions extends OperatorOptions {
  app: string;
  version: string;
  announcements: Announcements;
  measured: Measured;
  /** Null where the kernel cannot be asked who calls. */
  peers: Peers | null;
  /** What the TCP port serves. */
  access: ApiAccess;
  log(message: string): void;
}

/** The API as one listener serves it. */
export function createApi(options: ApiOptions, listener: Listener): Api {
  const { app: name, version, service, announcements, measured, peers, access, log } = options;
  const api: Api = new Hono();

  api.use(async (c, next) => {
    const refused = refusedCaller(listener, {
      host: c.req.header('host'),
      origin: c.req.header('origin'),
      site: c.req.header('sec-fetch-site'),
    });
    if (refused) return refuse(c, 403, refused);
    const caller = identify(listener, c.env.incoming.socket, peers);
    if ('refused' in caller) return refuse(c, 403, caller.refused);
    c.set('caller', caller);
    if (listener === 'tcp' && access !== 'all' && !isQuestion(c.req.method))
      return refuse(c, 403, readOnly(`${c.req.method} ${c.req.path}`));
    await next();
    return undefined;
  });
  api.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (c) => refuse(c, 413, { code: 'too_large', error: `The body is larger than ${MAX_BODY_BYTES} bytes.` }),
    }),
  );

  api.get('/', (c) => c.json({ ready: true, app: name, version }));
  api.post('/deploy', (c) => attempt(c, 'deploy'));
  api.post('/rollback', (c) => attempt(c, 'rollback'));
  api.post('/restart', (c) => refuseOthers(c, 'POST /restart') ?? attempt(c, 'restart'));
  api.get('/status', async (c) => c.json(await service.status()));
  api.get('/deploys', (c) => {
    const query = limitQuery.safeParse(c.req.query());
    return query.success ? c.json(service.attempts(query.data.limit)) : refuse(c, 400, invalid(query.error));
  });
  api.get('/deploys/:id', (c) => {
    const id = c.req.param('id');
    const found = service.attempt(id);
    return found
      ? c.json(found)
      : refuse(c, 404, { code: 'not_found', error: `There is no attempt ${JSON.stringify(id)}; GET /deploys lists them.` });
  });
  api.get('/logs', async (c) => {
    const query = logsQuery.safeParse(c.req.query());
    if (!query.success) return refuse(c, 400, invalid(query.error));
    const found = await service.logs(query.data.instance, query.data.lines);
    return found.ok ? c.json(found.logs) : refuse(c, 404, { code: 'not_found', error: found.error });
  });
  api.get('/logs/stream', (c) => {
    const query = logsQuery.safeParse(c.req.query());
    if (!query.success) return refuse(c, 400, invalid(query.error));
    const { instance: asked, lines } = query.data;
    return streamSSE(c, (stream) => sendLogs(stream, asked, lines));
  });
  addOperatorCalls(api, options);
  api.get('/events', (c) => streamSSE(c, (stream) => sendEvents(stream, c.req.header('last-event-id'))));
  api.get('/traffic', async (c) => c.json(await trafficView(measured)));
  api.get('/metrics', async (c) =>
    c.text(await metricsText({ app: name, version, service, measured }), 200, { 'content-type': PROMETHEUS_TEXT }),
  );
  api.get('/openapi.json', async (c) => c.json((await import('./openapi.ts')).openApiDocument(version)));
  api.notFound((c) =>
    refuse(c, 404, { code: 'not_found', error: `There is no ${c.req.method} ${c.req.path}; GET /openapi.json describes what there is.` }),
  );
  api.onError((error, c) => {
    log(`${c.req.method} ${c.req.path} failed: ${error.stack ?? error.message}`);
    return refuse(c, 500, { code: 'internal_error', error: 'Something broke in the orchestrator; its log says more.' });
  });

  async function attempt(c: ApiContext, kind: AttemptKind): Promise<Response> {
    const parsed = parseAttempt(kind, await c.req.text());
    if ('refusal' in parsed) return refuse(c, 400, parsed.refusal);
    const { commit = '', branch = '', reason = '', dry_run, trigger = 'manual', origin } = parsed.body;
    const traceparent = c.req.header('traceparent');
    const asked: Ask = {
      kind,
      commit,
      branch,
      reason,
      ...(await calledBy(c, peers)),
      trigger: c.var.caller.role === 'agent' ? 'agent' : trigger,
      ...(origin ? { origin } : {}),
      ...(traceparent && parseTraceparent(traceparent) ? { traceparent } : {}),
    };
    if (dry_run) {
      const plan = await service.dryRun(asked);
      return plan.ok ? c.json(plan.value) : refuse(c, statusOf(plan.failure.code), { ...plan.failure });
    }
    let begun: Awaited<ReturnType<Service['ask']>>;
    try {
      begun = await service.ask(asked);
    } catch (error) {
      return refuse(c, 507, { code: 'journal_unwritable', error: (error as Error).message });
    }
    const { id, outcome } = begun;
    if (/(^|,)\s*respond-async\s*(,|;|$)/i.test(c.req.header('prefer') ?? '')) {
      return c.json({ success: true, id, status: 'accepted' }, 202, { location: `/deploys/${id}`, 'preference-applied': 'respond-async' });
    }
    return answer(c, kind, id, await outcome);
  }

  async function sendLogs(stream: SSEStreamingApi, asked: string, lines: number): Promise<void> {
    const left = new AbortController();
    stream.onAbort(() => left.abort());
    const heartbeat = setInterval(() => void stream.write(': still here\n\n'), SSE_HEARTBEAT_MS);
    try {
      await stream.write(': connected\n\n');
      for await (const piece of service.followLogs({ asked, lines, signal: left.signal })) {
        const [event, data] = 'owner' in piece ? ['instance', piece.owner] : ['lines', piece.lines];
        await stream.writeSSE({ event, data: JSON.stringify(data) });
      }
      await stream.writeSSE({ event: 'end', data: '{}' });
    } finally {
      clearInterval(heartbeat);
    }
  }

  /** `Last-Event-ID` that is not a number is as good as none. */
  async function sendEvents(stream: SSEStreamingApi, lastEventId: string | undefined): Promise<void> {
    const last = lastEventId !== undefined && /^\d+$/.test(lastEventId) ? Number(lastEventId) : undefined;
    const unsubscribe = announcements.follow(last, (seq, type, data) => void stream.writeSSE({ id: String(seq), event: type, data }));
    const heartbeat = setInterval(() => void stream.write(': still here\n\n'), SSE_HEARTBEAT_MS);
    await stream.write(': connected\n\n');
    await new Promise<void>((resolve) => stream.onAbort(resolve));
    clearInterval(heartbeat);
    unsubscribe();
  }

  return api;
}

const ATTEMPT_BODIES = { deploy: deployBody, rollback: rollbackBody, restart: restartBody };

function isQuestion(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

function readOnly(call: string): { code: 'forbidden'; error: string } {
  const error = `${call} is not served on this port, which answers questions only ("api_access" in the contract): call over a socket, as "greenroom deploy" and "greenroom rollback" do.`;
  return { code: 'forbidden', error };
}

type Asked = { commit?: string; branch?: string; reason?: string; dry_run?: boolean; trigger?: Trigger; origin?: Origin };

function parseAttempt(kind: AttemptKind, text: string): ParsedBody<Asked> {
  const parsed = parseBody<z.ZodObject>(ATTEMPT_BODIES[kind], text);
  if ('refusal' in parsed) return parsed;
  const body = parsed.body as Asked;
  if (kind === 'deploy' && (body.commit === undefined) === (body.branch === undefined)) {
    return { refusal: { code: 'invalid_request', error: 'Name what to deploy: exactly one of "commit" and "branch".' } };
  }
  return { body };
}

function answer(c: ApiContext, kind: AttemptKind, id: string, outcome: Outcome): Response {
  if (outcome.ok) {
    const { slot, commit, previous_commit } = outcome;
    return c.json(kind === 'deploy' ? { success: true, id, slot, commit, previous_commit } : { success: true, id, slot, commit });
  }
  const { step, failure } = outcome;
  return refuse(c, statusOf(failure.code), { id, ...(step ? { step } : {}), ...failure });
}

const NOT_NOW: ReadonlySet<string> = new Set<FailureCode>([
  'not_approved',
  'superseded',
  'aborted',
  'no_previous_release',
  'nothing_live',
  'frozen',
]);

function statusOf(code: FailureCode | RequestErrorCode): ContentfulStatusCode {
  if (code === 'commit_not_found') return 404;
  if (NOT_NOW.has(code)) return 409;
  if (code === 'rate_limited') return 429;
  if (code === 'shutting_down' || code === 'interrupted') return 503;
  return code === 'promote_failed' ? 500 : 422;
}
