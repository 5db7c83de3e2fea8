import { GreenroomAnswerError, type GreenroomClient, GreenroomUnreachable } from '@greenroom/sdk/client';
import type { DashboardRefusal } from '@greenroom/sdk/dashboard';
import type { Refusal } from '@greenroom/sdk/wire';
import type { Context, Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { z } from 'zod';
import { readBody, refuse } from './answers.ts';
import type { Fleet } from './fleet.ts';

const MOST_DEPLOYS = 200;
const LOG_LINES = 400;
const HEARTBEAT_MS = 15_000;

export interface CallOptions {
  fleet: Pick<Fleet, 'client'>;
  /** Who the calls are made for. */
  user: string;
}

const commitish = z.string().trim().min(1).max(255);
const reason = z.string().trim().max(2_000).default('');
const id = z.string().min(1).max(255);
const deploy = z.union(
  [
    z.object({ commit: commitish, branch: z.undefined().optional(), reason }),
    z.object({ branch: commitish, commit: z.undefined().optional(), reason }),
  ],
  {
    error: 'exactly one of "commit" and "branch"',
  },
);
const rollback = z.object({ to: z.string().min(1).max(64), reason });
const denial = z.object({ id, reason });
const freeze = z.object({ scope: z.enum(['agent', 'all']), reason: reason.pipe(z.string().min(1, 'say why in a few words')) });
const limit = z.coerce.number().int().min(1).max(MOST_DEPLOYS).default(50);

/** What the page asks of one app; each call goes to that app's orchestrator, which decides. */
export function addAppCalls(api: Hono, { fleet, user }: CallOptions): void {
  const by = (why: string): string => (why === '' ? `${user}, on the dashboard` : `${why} (${user}, on the dashboard)`);

  read('/deploys', async (client, c) => c.json(await client.deploys({ limit: limit.catch(50).parse(c.req.query('limit')) })));
  read('/deploys/:id', async (client, c) => {
    const attempt = await client.attempt(c.req.param('id') ?? '');
    return attempt ? c.json(attempt) : refuse(c, 'not_found', 'There is no such attempt.');
  });
  read('/deploys/:id/diff', async (client, c) => {
    const diff = await client.diff(c.req.param('id') ?? '');
    return 'success' in diff ? refusalOf(c, diff) : c.json(diff);
  });
  read('/logs', (client, c) => Promise.resolve(logStream(client, c)));

  change('/deploy', deploy, async (client, c, { reason: why, ...what }) => {
    const answer = await client.deploy(
      { ...('branch' in what && what.branch ? { branch: what.branch } : { commit: what.commit ?? '' }), reason: by(why) },
      { async: true },
    );
    return answer.success && 'id' in answer ? c.json({ id: answer.id }, 202) : refusalOf(c, answer);
  });
  change('/rollback', rollback, async (client, c, { to, reason: why }) => {
    // Somebody may have deployed between the question and the answer.
    const { previous_commit: previous } = await client.status();
    if (previous !== to)
      return refuse(c, 'conflict', `The release to go back to is ${previous.slice(0, 10) || 'none'} by now: look again.`);
    const answer = await client.rollback({ reason: by(why) }, { async: true });
    return answer.success && 'id' in answer ? c.json({ id: answer.id }, 202) : refusalOf(c, answer);
  });
  change('/approve', z.object({ id }), async (client, c, body) => done(c, await client.approve({ ...body, by: user })));
  change('/deny', denial, async (client, c, { reason: why, ...body }) =>
    done(c, await client.deny({ ...body, by: user, ...(why ? { reason: why } : {}) })),
  );
  change('/freeze', freeze, async (client, c, { scope, reason: why }) => done(c, await client.freeze({ scope, reason: by(why) })));
  change('/thaw', z.object({ reason }), async (client, c, { reason: why }) => done(c, await client.thaw({ reason: by(why) })));

  function read(path: string, answer: (client: GreenroomClient, c: Context) => Promise<Response>): void {
    api.get(`/api/apps/:app${path}`, (c) => withApp(c, (client) => answer(client, c)));
  }

  function change<S extends z.ZodType>(
    path: string,
    schema: S,
    act: (client: GreenroomClient, c: Context, body: z.output<S>) => Promise<Response>,
  ): void {
    api.post(`/api/apps/:app${path}`, async (c) => {
      const parsed = await readBody(c, schema);
      return parsed.ok ? await withApp(c, (client) => act(client, c, parsed.body)) : refuse(c, 'invalid_request', parsed.error);
    });
  }

  async function withApp(c: Context, work: (client: GreenroomClient) => Promise<Response>): Promise<Response> {
    const client = fleet.client(c.req.param('app') ?? '');
    if (!client) return refuse(c, 'not_found', 'There is no such app on this machine.');
    try {
      return await work(client);
    } catch (error) {
      if (error instanceof GreenroomUnreachable || error instanceof GreenroomAnswerError) return refuse(c, 'unavailable', error.message);
      throw error;
    }
  }
}

/** The orchestrator's stream as it is; when that breaks, this one ends, and the page comes back. */
function logStream(client: GreenroomClient, c: Context): Response {
  const instance = c.req.query('instance');
  return streamSSE(c, async (stream) => {
    const left = new AbortController();
    stream.onAbort(() => left.abort());
    const heartbeat = setInterval(() => void stream.write(': still here\n\n'), HEARTBEAT_MS);
    try {
      const follow = { lines: LOG_LINES, signal: left.signal, ...(instance === undefined ? {} : { instance }) };
      for await (const piece of client.followLogs(follow)) {
        const [event, data] = 'owner' in piece ? ['instance', piece.owner] : ['lines', piece.lines];
        await stream.writeSSE({ event, data: JSON.stringify(data) });
      }
      if (!left.signal.aborted) await stream.writeSSE({ event: 'end', data: '{}' });
    } catch (error) {
      if (!(error instanceof GreenroomUnreachable || error instanceof GreenroomAnswerError)) throw error;
      await stream.writeSSE({ event: 'problem', data: JSON.stringify({ error: error.message }) });
    } finally {
      clearInterval(heartbeat);
    }
  });
}

function done(c: Context, answer: { success: true } | Refusal): Response {
  return answer.success ? c.json({}) : refusalOf(c, answer);
}

/** In the orchestrator's own words. */
function refusalOf(c: Context, answer: object): Response {
  const { code, error } = answer as Partial<Refusal>;
  const known: Partial<Record<Refusal['code'], DashboardRefusal['code']>> = {
    not_found: 'not_found',
    commit_not_found: 'not_found',
    invalid_request: 'invalid_request',
    forbidden: 'forbidden',
    shutting_down: 'unavailable',
    journal_unwritable: 'unavailable',
    internal_error: 'unavailable',
  };
  return refuse(c, (code && known[code]) ?? 'conflict', error ?? 'The orchestrator refused it.');
}
