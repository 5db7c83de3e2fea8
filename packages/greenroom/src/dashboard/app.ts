import { DASHBOARD_KEY_HEADER, type DashboardLogin } from '@greenroom/sdk/dashboard';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { getCookie, setCookie } from 'hono/cookie';
import { z } from 'zod';
import { type Assets, assetResponse } from '../ui-files.ts';
import { readBody, refuse } from './answers.ts';
import { addAppCalls } from './calls.ts';
import type { Fleet } from './fleet.ts';
import { API_HEADERS, PAGE_HEADERS, refusedCall, refusedHost } from './guard.ts';
import type { Sessions } from './sessions.ts';
import { fleetStream } from './stream.ts';

const MAX_BODY_BYTES = 64 * 1024;
const MOST_STREAMS = 50;
const NO_SESSION = 'Open the dashboard by a link: "greenroom dashboard" prints one.';

export interface DashboardAppOptions {
  fleet: Fleet;
  sessions: Sessions;
  assets: Assets;
  /** Names this run of the dashboard. */
  run: string;
  user: string;
  host: string;
  version: string;
  log(message: string): void;
  heartbeatMs?: number;
}

/** The dashboard's page and its HTTP interface, as `@greenroom/sdk/dashboard` describes it. */
export function createDashboardApp(options: DashboardAppOptions): Hono {
  const { fleet, sessions, assets, run, user, host, version, log, heartbeatMs } = options;
  const api = new Hono();
  let streams = 0;

  api.use(async (c, next) => {
    await next();
    for (const [header, value] of Object.entries(API_HEADERS)) if (!c.res.headers.has(header)) c.res.headers.set(header, value);
  });
  api.use(async (c, next) => {
    const problem = refusedHost(c);
    if (problem) return refuse(c, 'forbidden', problem);
    return await next();
  });
  for (const path of ['/', '/dashboard.js', '/assets/*']) {
    api.get(path, (c) => {
      const found = assets.get(c.req.path);
      return found ? assetResponse(found, c.req.raw.headers, PAGE_HEADERS) : refuse(c, 'not_found', 'There is no such file.');
    });
  }

  const tooLarge = `The body is larger than ${MAX_BODY_BYTES / 1024} KiB.`;
  api.use('/api/*', bodyLimit({ maxSize: MAX_BODY_BYTES, onError: (c) => refuse(c, 'too_large', tooLarge) }));
  api.use('/api/*', async (c, next) => {
    const problem = refusedCall(c);
    if (problem) return refuse(c, 'forbidden', problem);
    return await next();
  });
  api.post('/api/login', async (c) => {
    const read = await readBody(c, z.object({ token: z.string().max(200) }));
    if (!read.ok) return refuse(c, 'invalid_request', read.error);
    const session = sessions.begin(read.body.token);
    if (!session) return refuse(c, 'unauthorized', 'This link was used already, or has run out. "greenroom dashboard" prints another one.');
    setCookie(c, cookieOf(c), session.cookie, { httpOnly: true, sameSite: 'Strict', path: '/api' });
    const login: DashboardLogin = { key: session.key, user, host, version };
    return c.json(login);
  });

  api.use('/api/*', async (c, next) => {
    if (!holds(c)) return refuse(c, 'unauthorized', NO_SESSION);
    return await next();
  });
  api.post('/api/logout', (c) => {
    sessions.end(getCookie(c, cookieOf(c)) ?? '');
    setCookie(c, cookieOf(c), '', { httpOnly: true, sameSite: 'Strict', path: '/api', maxAge: 0 });
    return c.json({});
  });
  api.get('/api/session', (c) => c.json({ user, host, version }));
  api.use('/api/apps/*', async (_, next) => {
    const leave = fleet.watch();
    try {
      await fleet.ready();
      await next();
    } finally {
      leave();
    }
  });
  api.get('/api/apps', async (c) => c.json(fleet.apps()));
  addAppCalls(api, { fleet, user });
  api.get('/api/stream', (c) => {
    if (streams >= MOST_STREAMS) return refuse(c, 'unavailable', 'The dashboard is open too many times: close some of its pages.');
    streams += 1;
    const leave = fleet.watch();
    const body = fleetStream({
      fleet,
      run,
      lastEventId: c.req.header('last-event-id') ?? '',
      mayStay: () => holds(c),
      ended: () => {
        leave();
        streams -= 1;
      },
      ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
    });
    return c.body(body, 200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' });
  });

  api.notFound((c) => refuse(c, 'not_found', `There is no ${c.req.method} ${c.req.path} here.`));
  api.onError((error, c) => {
    log(`${c.req.method} ${c.req.path} failed: ${error.stack ?? error.message}`);
    return refuse(c, 'internal_error', 'Something broke in the dashboard; its own output says more.');
  });
  return api;

  function holds(c: Context): boolean {
    const cookie = getCookie(c, cookieOf(c));
    const key = c.req.header(DASHBOARD_KEY_HEADER);
    return sessions.holds({ ...(cookie === undefined ? {} : { cookie }), ...(key === undefined ? {} : { key }) });
  }
}

/** A cookie is of a host, whatever the port: two dashboards of one machine must not end each other's sessions. */
function cookieOf(c: Context): string {
  return `greenroom_dashboard_${/:(\d+)$/.exec(c.req.header('host') ?? '')?.[1] ?? '80'}`;
}
