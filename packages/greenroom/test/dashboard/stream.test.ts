import assert from 'node:assert/strict';
import { type IncomingMessage, request } from 'node:http';
import { type TestContext, test } from 'node:test';
import type { BrokenEntry, DashboardApp, DashboardLogin } from '@greenroom/sdk/dashboard';
import { parseEventStream, type ServerSentEvent } from '../../../sdk/src/client/sse.ts';
import type { FleetEntry } from '../../src/dashboard/follower.ts';
import { serveDashboard } from '../../src/dashboard/serve.ts';
import { createLinkToken } from '../../src/dashboard/sessions.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { openAssets } from '../../src/ui-files.ts';
import { attempt, COMMIT, createFake, createMachine, PREVIOUS, status } from '../cli/support.ts';
import { ask } from '../e2e/ask.ts';

const SECRET = 'a secret of this run';

test('a reader that comes back gets what has changed since; one of another run gets everything', async (t) => {
  const machine = await createMachine(t);
  let healthy = true;
  const fake = await createFake(t, machine.app, (call) =>
    call === 'GET /status' ? { status: 200, body: status({ healthy }) } : undefined,
  );
  const shop = entry('shop', layoutOf(machine.app.data).operatorSocket);
  const registry = { apps: [shop, entry('blog', '/nowhere/operator.sock')], broken: [] as BrokenEntry[] };
  const dashboard = await open(t, () => Promise.resolve(registry));

  const one = await dashboard.stream();
  await one.until((seen) => seen.some((it) => appOf(it)?.name === 'shop' && appOf(it)?.reach === 'up'));
  await one.until((seen) => seen.some((it) => appOf(it)?.name === 'blog' && appOf(it)?.reach === 'away'));
  const known = await one.until((seen) => seen.some((it) => it.event === 'registry'));
  const lastEventId = known.findLast((it) => it.id !== '')?.id ?? '';
  assert.match(lastEventId, /^\w+-\d+$/);
  one.close();

  healthy = false;
  registry.broken = [{ file: '/r/x.json', problem: 'it is not valid JSON' }];
  fake.publish(attempt({ status: 'failed' }));
  const two = await dashboard.stream(lastEventId);
  await two.until((seen) => seen.some((it) => appOf(it)?.status?.healthy === false));
  const news = await two.until((seen) => seen.some((it) => it.event === 'registry'));
  assert.ok(!news.some((it) => appOf(it)?.name === 'blog'), 'what did not change is not sent again');
  registry.apps = [shop];
  await two.until((seen) => seen.some((it) => it.event === 'gone' && it.data === '{"name":"blog"}'));
  two.close();

  const three = await dashboard.stream('another-17');
  await three.until((seen) => seen.some((it) => appOf(it)?.status?.healthy === false));
  three.close();
});

test('what was known of an app stays known while its orchestrator is away', async (t) => {
  const machine = await createMachine(t);
  const fake = await createFake(t, machine.app, (call) => (call === 'GET /status' ? { status: 200, body: status() } : undefined));
  const registry = { apps: [entry('shop', layoutOf(machine.app.data).operatorSocket)], broken: [] };
  const dashboard = await open(t, () => Promise.resolve(registry));
  const stream = await dashboard.stream();
  await stream.until((seen) => appOf(seen.at(-1))?.reach === 'up');
  await fake.crash();
  const away = appOf((await stream.until((seen) => appOf(seen.at(-1))?.reach === 'away')).at(-1));
  assert.match(away?.problem ?? '', /went away|No orchestrator is running here/);
  assert.equal(away?.status?.live_commit, COMMIT);
  await fake.restart();
  await stream.until((seen) => appOf(seen.at(-1))?.reach === 'up');
  stream.close();
});

test('calls go to the orchestrator in the name of the user, and a rollback only to what was asked about', async (t) => {
  const machine = await createMachine(t);
  const fake = await createFake(t, machine.app, (call) => {
    if (call === 'GET /status') return { status: 200, body: status() };
    if (call === 'POST /rollback' || call === 'POST /deploy')
      return { status: 202, body: { success: true, id: 'd-7', status: 'accepted' } };
    if (call === 'POST /approve') return { status: 409, body: { success: false, code: 'not_waiting', error: 'It was denied by Ada.' } };
    return undefined;
  });
  const dashboard = await open(t, () => Promise.resolve({ apps: [entry('shop', layoutOf(machine.app.data).operatorSocket)], broken: [] }));
  const { user } = dashboard.login;
  const post = async (path: string, body: object): Promise<[number, unknown]> => {
    const answer = await dashboard.post(`/api/apps/shop${path}`, body);
    return [answer.status, JSON.parse(answer.body)];
  };
  assert.deepEqual(await post('/rollback', { to: PREVIOUS, reason: 'slow' }), [202, { id: 'd-7' }]);
  assert.deepEqual(fake.requests.at(-1), {
    call: 'POST /rollback',
    prefer: 'respond-async',
    body: { reason: `slow (${user}, on the dashboard)` },
  });
  const [refused, sentence] = await post('/rollback', { to: COMMIT });
  assert.deepEqual([refused, (sentence as { code: string }).code], [409, 'conflict']);
  assert.equal(fake.requests.filter(({ call }) => call === 'POST /rollback').length, 1);
  assert.deepEqual(await post('/deploy', { branch: 'trunk' }), [202, { id: 'd-7' }]);
  assert.deepEqual(fake.requests.at(-1)?.body, { branch: 'trunk', reason: `${user}, on the dashboard` });
  assert.deepEqual(await post('/approve', { id: 'd-1' }), [409, { code: 'conflict', error: 'It was denied by Ada.' }]);
  assert.deepEqual(fake.requests.at(-1)?.body, { id: 'd-1', by: user });
  await fake.crash();
  const [away] = await post('/thaw', {});
  assert.equal(away, 503);
});

function entry(name: string, socket: string): FleetEntry {
  return { name, data: '/nowhere', repo: '/nowhere', socket, addresses: [], ended: '', note: '' };
}

function appOf(it: ServerSentEvent | undefined): DashboardApp | undefined {
  return it?.event === 'app' ? (JSON.parse(it.data) as DashboardApp) : undefined;
}

interface Opened {
  login: DashboardLogin;
  post(path: string, body: object): ReturnType<typeof ask>;
  stream(lastEventId?: string): Promise<Stream>;
}

interface Stream {
  /** Reads on until all that was read so far is enough; answers that. */
  until(enough: (seen: ServerSentEvent[]) => boolean): Promise<ServerSentEvent[]>;
  close(): void;
}

async function open(t: TestContext, registered: () => Promise<{ apps: FleetEntry[]; broken: BrokenEntry[] }>): Promise<Opened> {
  const log = (message: string): void => t.diagnostic(message);
  const dashboard = await serveDashboard({ port: 0, secret: SECRET, assets: openAssets('dashboard'), registered, log });
  t.after(() => dashboard.close());
  const json = { 'content-type': 'application/json' };
  const { port } = dashboard;
  const answer = await ask({ port, method: 'POST', path: '/api/login', headers: json, body: { token: createLinkToken(SECRET) } });
  const login = JSON.parse(answer.body) as DashboardLogin;
  const [cookie = ''] = [answer.headers['set-cookie'] ?? []].flat();
  const session = { cookie: cookie.split(';')[0] ?? '', 'x-greenroom-key': login.key };
  return {
    login,
    post: (path, body) => ask({ port, method: 'POST', path, headers: { ...json, ...session }, body }),
    async stream(lastEventId = '') {
      const headers = { ...session, ...(lastEventId ? { 'last-event-id': lastEventId } : {}) };
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        request({ port, path: '/api/stream', headers, agent: false }, resolve).on('error', reject).end();
      });
      assert.equal(response.statusCode, 200);
      const deadline = setTimeout(() => response.destroy(new Error('not within 15 s')), 15_000);
      const events = parseEventStream(response);
      const seen: ServerSentEvent[] = [];
      return {
        async until(enough) {
          while (!enough(seen)) {
            const { value, done } = await events.next();
            assert.ok(!done, `ended after ${JSON.stringify(seen)}`);
            seen.push(value);
          }
          return seen;
        },
        close() {
          clearTimeout(deadline);
          response.destroy();
        },
      };
    },
  };
}
