import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { Failure } from '@greenroom/sdk/wire';
import { waitForHealth } from '../../src/orchestrator/adapters/probe/health.ts';
import { createProber } from '../../src/orchestrator/adapters/probe/prober.ts';
import { createSchemaCheck } from '../../src/orchestrator/adapters/probe/schema.ts';
import { fail, type Result } from '../../src/orchestrator/core/result.ts';
import type { Instance, ProbeReport, Prober, SchemaCheck } from '../../src/orchestrator/ports.ts';
import { APP, COMMIT, carriers, makeRig, type Rig, type RigOptions, until, untilLogged } from '../instances/rig.ts';

const never = new AbortController().signal;

/** An app whose answers are given by the body of `(request, response)`. */
const app = (handler: string, { host = '127.0.0.1', port = 'PORT' } = {}): string =>
  `require('node:http').createServer((request, response) => { ${handler} }).listen(process.env.${port}, '${host}', () => console.log('listening', '${port}'));`;
const HEALTHY = "response.end('fine')";

test('a healthy app passes, with the address it answered on', async (t) => {
  const { report } = await probeApp(t, { files: { 'app.cjs': app(HEALTHY) } });
  assert.equal(report?.host, '127.0.0.1');
  assert.match(report?.detail ?? '', /^healthy after \d+ ms$/);
  assert.ok((report?.healthyAfterMs ?? 0) > 0);
});

test('an app that listens on IPv6 only passes', async (t) => {
  const { report } = await probeApp(t, { files: { 'app.cjs': app(HEALTHY, { host: '::1' }) } });
  assert.equal(report?.host, '::1');
});

test('an app that listens late, and is not ready at first, passes', async (t) => {
  const handler = "if (Date.now() - start < 300) response.statusCode = 503; response.end('x')";
  const { report } = await probeApp(t, { files: { 'app.cjs': `const start = Date.now(); setTimeout(() => { ${app(handler)} }, 200)` } });
  assert.ok((report?.healthyAfterMs ?? 0) >= 300);
});

test('an app that never listens fails with the last try, its log and what to do', async (t) => {
  const { failure, rig } = await probeApp(t, {
    files: { 'app.cjs': "console.log('thinking'); setInterval(() => {}, 1000)" },
    contract: { health_timeout_ms: 1500 },
  });
  assert.equal(failure?.code, 'health_timeout');
  assert.match(failure?.error ?? '', /did not answer 200 on \/healthz within 1500 ms: connection refused/);
  assert.deepEqual(failure?.evidence?.log_tail, ['thinking']);
  assert.match(failure?.evidence?.remedy ?? '', /^It listens on no port at all\..*PORT in its environment/);
  assert.match(failure?.evidence?.request?.url ?? '', /\/healthz$/);
  assert.equal(rig.instances.all().length, 1, 'the prober stops nothing');
});

test('an app that listens elsewhere is told where', async (t) => {
  const fixed = "require('node:net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })";
  const { failure } = await probeApp(t, { files: { 'app.cjs': fixed }, contract: { health_timeout_ms: 1500 } });
  assert.ok(failure?.evidence?.remedy?.startsWith(`It listens on port ${failure.evidence.log_tail?.[0]}. `), failure?.evidence?.remedy);
  const contract = { health_timeout_ms: 1500, internal_port: 3901 };
  const single = await probeApp(t, { files: { 'app.cjs': app(HEALTHY) }, contract });
  assert.match(single.failure?.evidence?.remedy ?? '', /leaves internal_port out/);
});

const ON_SOCKET = { internal_socket: '/run/rig.sock', health_timeout_ms: 1_500 };
const internally = (where: string): string => `require('node:http').createServer((_, response) => response.end()).listen(${where});`;

test('an app with an internal socket is asked there, and its smoke test is told of it', async (t) => {
  const smoke = '[ -S "$INTERNAL_SOCKET" ] && [ -z "$INTERNAL_PORT$GREENROOM_INTERNAL_URL" ]';
  const listening = `${app("response.statusCode = request.url === '/' ? 200 : 404; response.end()")} ${internally('process.env.INTERNAL_SOCKET')}`;
  const deep = { health_test_payload: { path: '/' } };
  const { report, failure } = await probeApp(t, {
    files: { 'app.cjs': listening },
    contract: { ...ON_SOCKET, health_timeout_ms: 10_000, ...deep, smoke_test_command: smoke },
  });
  assert.match(report?.detail ?? JSON.stringify(failure), /^healthy after .*deep check 200 .*smoke test passed/);
});

test('an app that does not listen on its internal socket is told of it', async (t) => {
  const { failure, instance } = await probeApp(t, { files: { 'app.cjs': app(HEALTHY) }, contract: ON_SOCKET });
  assert.match(failure?.error ?? '', /did not answer 200 on \/healthz within 1500 ms: nothing listens there/);
  assert.match(failure?.evidence?.remedy ?? '', /Unix socket that INTERNAL_SOCKET in its environment names/);
  assert.equal(failure?.evidence?.request?.url, `http://unix:${instance.internalSocket}:/healthz`);
});

test('a link that the app puts in the place of its socket leads the orchestrator nowhere', async (t) => {
  const elsewhere = `${app(HEALTHY)} ${internally("'other.sock'")} require('node:fs').symlinkSync(require('node:path').resolve('other.sock'), process.env.INTERNAL_SOCKET)`;
  const { failure } = await probeApp(t, { files: { 'app.cjs': elsewhere }, contract: ON_SOCKET });
  assert.match(failure?.error ?? '', /nothing listens there/);
});

for (const [what, handler, expected] of [
  ['500', "response.statusCode = 500; response.end('boom\\u001b[31m')", { status: 500, body: 'boom' }],
  ['a redirect', "response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()", { status: 302, body: '' }],
  ['204', 'response.writeHead(204).end()', { status: 204, body: '' }],
  ['nothing', '', { error: 'no complete answer within 400 ms' }],
  ['half an answer', "response.write('x'); ", { error: 'no complete answer within 400 ms' }],
] as const) {
  test(`a health endpoint that answers ${what} is not healthy`, async (t) => {
    const { failure } = await probeApp(t, { files: { 'app.cjs': app(handler) }, contract: { health_timeout_ms: 1_500 } });
    assert.equal(failure?.code, 'health_timeout');
    const { status, body, error } = failure?.evidence?.request ?? {};
    if ('error' in expected) assert.match(error ?? '', /no complete answer within \d+ ms/);
    else assert.deepEqual({ status, body }, expected);
  });
}

test('what the app answered is the evidence, not the last try that the end of the time cut short', async (t) => {
  const limitMs = 800;
  const start = performance.now();
  const server = createServer((_, response) => {
    // The last tries are left waiting: one of them is the one that is cut.
    if (performance.now() - start < limitMs / 2) response.writeHead(500).end('boom');
  });
  t.after(() => server.close().closeAllConnections());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const health = await waitForHealth({ port }, '/healthz', limitMs, never);
  assert.deepEqual('evidence' in health && [health.evidence.status, health.evidence.body], [500, 'boom']);
});

test('an endless answer is cut', async (t) => {
  const { report } = await probeApp(t, { files: { 'app.cjs': app("const go = () => response.write('x'.repeat(65536), go); go()") } });
  assert.ok(report);
});

test('an app that exits fails at once, with its reason and last output', async (t) => {
  const start = performance.now();
  const { failure } = await probeApp(t, {
    files: { 'app.cjs': "console.error('Error: no database'); process.exit(7)" },
    contract: { health_timeout_ms: 60_000 },
  });
  assert.ok(performance.now() - start < 5_000);
  assert.equal(failure?.code, 'boot_exited');
  assert.match(failure?.error ?? '', /exited with code 7/);
  assert.deepEqual([failure?.evidence?.exit?.code, failure?.evidence?.log_tail], [7, ['Error: no database']]);
});

test('an app that ended before the probe began fails the same way', async (t) => {
  const rig = makeRig(t, { files: { 'app.cjs': 'process.exit(7)' } });
  const prober = proberOf(rig);
  const instance = await rig.boot();
  await until('it ended', () => rig.exits.length > 0);
  const result = await prober.probe(instance, 'deploy', never);
  assert.deepEqual(result.ok ? '' : [result.failure.code, result.failure.evidence?.exit?.code], ['boot_exited', 7]);
});

test('an app that dies in the deep check failed by its exit', async (t) => {
  const handler = "if (request.url === '/deep') process.exit(9); response.end()";
  const { failure } = await probeApp(t, { files: { 'app.cjs': app(handler) }, contract: { health_test_payload: { path: '/deep' } } });
  assert.deepEqual([failure?.code, failure?.evidence?.exit?.code], ['boot_exited', 9]);
});

test('an app that is healthy inside but does not listen outside fails', async (t) => {
  const contract = { internal_port: 3901, health_timeout_ms: 1_200 };
  const { failure } = await probeApp(t, { files: { 'app.cjs': app(HEALTHY, { port: 'INTERNAL_PORT' }) }, contract });
  assert.equal(failure?.code, 'health_timeout');
  assert.match(failure?.error ?? '', /nothing listens on its public port/);
});

test('health is asked on the internal port, the deep check on the public one', async (t) => {
  const files = {
    'app.cjs':
      app("response.statusCode = request.url === '/healthz' ? 200 : 404; response.end()", { port: 'INTERNAL_PORT' }) +
      app("response.statusCode = request.url === '/deep' ? 201 : 404; response.end()"),
  };
  const { report } = await probeApp(t, { files, contract: { internal_port: 3901, health_test_payload: { path: '/deep' } } });
  assert.match(report?.detail ?? '', /deep check 201 in \d+ ms/);
});

const ECHO = `if (request.url === '/healthz') return response.end();
  let body = ''; request.on('data', (chunk) => { body += chunk }).on('end', () => {
    response.statusCode = request.headers['x-status'] ? Number(request.headers['x-status']) : 200;
    response.end(JSON.stringify({ method: request.method, type: request.headers['content-type'], body, list: [{ a: 1, b: 2 }], nested: { on: true, none: null } })) })`;
const DEEP: [string, Record<string, unknown>, RegExp | undefined][] = [
  ['any 2xx', { headers: { 'x-status': '204' } }, undefined],
  ['not 3xx', { headers: { 'X-Status': '302' } }, /status 302 instead of 2xx/],
  ['a status of its own', { headers: { 'x-status': '404' }, expect: { status: 404 } }, undefined],
  ['one of several statuses', { expect: { status: [201, 204] } }, /status 200 instead of 201 or 204/],
  [
    'JSON sent as such',
    { method: 'POST', body: { q: 'ü' }, expect: { json: { method: 'POST', type: 'application/json', body: '{"q":"ü"}' } } },
    undefined,
  ],
  [
    'text sent as it is',
    { method: 'PUT', body: 'a=1', headers: { 'Content-Type': 'x/y' }, expect: { json: { type: 'x/y', body: 'a=1' } } },
    undefined,
  ],
  ['text in the body', { expect: { body: '"nested"' } }, undefined],
  ['missing text', { expect: { body: 'welcome' } }, /does not contain "welcome"/],
  ['deep fields', { expect: { json: { nested: { on: true, none: null }, list: [{ b: 2 }] } } }, undefined],
  ['a wrong deep field', { expect: { json: { nested: { on: false } } } }, /field nested.on is true instead of false/],
  ['a missing field', { expect: { json: { nested: { off: 1 } } } }, /field nested.off is missing/],
  ['a longer list', { expect: { json: { list: [{}, {}] } } }, /field list has 1 entries instead of 2/],
];
test('the deep check sends what the contract says and compares what it expects', async (t) => {
  const rig = makeRig(t, { files: { 'app.cjs': app(ECHO) } });
  const instance = await rig.boot();
  for (const [what, payload, problem] of DEEP) {
    const result = await proberOf(rig, { health_test_payload: { path: '/api', method: 'GET', headers: {}, expect: {}, ...payload } }).probe(
      instance,
      'deploy',
      never,
    );
    assert.equal(result.ok, problem === undefined, what);
    if (result.ok) continue;
    assert.equal(result.failure.code, 'deep_check_failed', what);
    assert.match(result.failure.error, problem ?? /never/, what);
    assert.match(result.failure.evidence?.request?.expected ?? '', /^status/, what);
  }
});

test('a deep check that hangs fails within its time', async (t) => {
  const handler = "if (request.url === '/healthz') response.end()";
  const { failure } = await probeApp(t, {
    files: { 'app.cjs': app(handler) },
    contract: { health_timeout_ms: 1_200, health_test_payload: { path: '/' } },
  });
  assert.equal(failure?.code, 'deep_check_failed');
  assert.match(failure?.evidence?.request?.error ?? '', /no complete answer/);
});

test('the smoke test gets the address of the candidate, and no secrets', async (t) => {
  const script = `const { GREENROOM_URL, GREENROOM_INTERNAL_URL, PORT, GREENROOM_SLOT, GREENROOM_COMMIT, MODE, KEY } = process.env;
    const check = async () => { if ((await fetch(GREENROOM_URL)).status !== 200 || KEY || MODE !== 'm' || GREENROOM_SLOT !== 'a' || GREENROOM_COMMIT !== '${COMMIT}' || GREENROOM_URL !== GREENROOM_INTERNAL_URL || !GREENROOM_URL.endsWith(PORT)) process.exit(1); };
    check();`;
  const contract = { smoke_test_command: 'node smoke.cjs && true', env: { MODE: 'm' }, secrets_inject: ['KEY'] };
  const { report, failure } = await probeApp(t, {
    files: { 'app.cjs': app(HEALTHY), 'smoke.cjs': script },
    contract,
    env: { ...process.env, KEY: 'k' },
  });
  assert.match(report?.detail ?? failure?.evidence?.log_tail?.join('\n') ?? '', /smoke test passed in \d+ ms/);
});

test('a smoke test that fails says so with its output', async (t) => {
  const { failure } = await probeApp(t, {
    files: { 'app.cjs': app(HEALTHY) },
    contract: { smoke_test_command: 'echo login is broken; exit 2' },
  });
  assert.equal(failure?.code, 'smoke_failed');
  assert.match(failure?.error ?? '', /exited with code 2/);
  assert.deepEqual([failure?.evidence?.log_tail, failure?.evidence?.exit?.code], [['login is broken'], 2]);
});

test('a smoke test that hangs is killed with all it started, the app is not', async (t) => {
  const contract = { smoke_test_command: 'setsid sleep 1000 & sleep 1000', smoke_timeout_ms: 300 };
  const { failure, rig, instance } = await probeApp(t, { files: { 'app.cjs': app(HEALTHY) }, contract });
  assert.match(failure?.error ?? '', /did not end within 300 ms and was killed/);
  assert.deepEqual(carriers(rig.layout), [instance.pid]);
});

test('an abort ends the probe in each of its steps', async (t) => {
  const rig = makeRig(t, { files: { 'app.cjs': app("if (request.url === '/healthz') response.end()") } });
  const instance = await rig.boot();
  await untilLogged(rig, instance, 'listening');
  const steps = [{ health_endpoint: '/hangs' }, { health_test_payload: { path: '/hangs' } }, { smoke_test_command: 'sleep 1000' }];
  for (const fields of steps) {
    const abort = new AbortController();
    const payload =
      'health_test_payload' in fields ? { health_test_payload: { path: '/hangs', method: 'GET', headers: {}, expect: {} } } : fields;
    const probing = proberOf(rig, payload).probe(instance, 'deploy', abort.signal);
    setTimeout(() => abort.abort(), 100);
    const result = await probing;
    assert.equal(result.ok ? 'ok' : result.failure.code, 'aborted', JSON.stringify(fields));
  }
  assert.deepEqual(carriers(rig.layout), [instance.pid]);
});

test('the schema check comes before the app is asked for pages, but not for a restart of what is live', async (t) => {
  const rig = makeRig(t, { files: { 'app.cjs': app(HEALTHY) } });
  const refusal = { code: 'schema_incompatible', error: 'too new' } as const;
  const schemaCheck: SchemaCheck = { wanted: true, read: async () => null, check: async () => fail(refusal) };
  const prober = proberOf(rig, {}, schemaCheck);
  const instance = await rig.boot();
  for (const purpose of ['deploy', 'rollback'] as const) {
    const result = await prober.probe(instance, purpose, never);
    assert.equal(result.ok ? '' : result.failure.code, 'schema_incompatible');
  }
  assert.ok((await prober.probe(instance, 'restart', never)).ok);
  const failing = proberOf(rig, { health_test_payload: { method: 'GET', path: '/', expect: { status: 299 } } }, schemaCheck);
  const codes = [];
  for (const purpose of ['deploy', 'restart'] as const) {
    const result = await failing.probe(instance, purpose, never);
    codes.push(result.ok ? '' : result.failure.code);
  }
  assert.deepEqual(codes, ['schema_incompatible', 'deep_check_failed']);
});

test('one look tells whether health holds, else why not', async (t) => {
  const rig = makeRig(t, {
    files: { 'app.cjs': app("response.statusCode = request.url === '/healthz' ? 200 : 503; response.end('tired')") },
  });
  const instance = await rig.boot();
  await untilLogged(rig, instance, 'listening');
  assert.equal(await proberOf(rig).check(instance, 1_000), '');
  assert.equal(await proberOf(rig, { health_endpoint: '/bad' }).check(instance, 1_000), 'GET /bad did not answer 200: status 503 (tired)');
  await rig.instances.stop(instance.instance, 0);
  assert.match(await proberOf(rig).check(instance, 1_000), /connection refused/);
});

function proberOf(rig: Rig, fields: Record<string, unknown> = {}, schemaCheck = createSchemaCheck({})): Prober {
  const contract = { ...rig.contract, ...fields };
  return createProber({ app: APP, layout: rig.layout, contract, instances: rig.instances, slotDirectory: rig.layout.slot, schemaCheck });
}

interface Probed {
  rig: Rig;
  instance: Instance;
  report: ProbeReport | undefined;
  failure: Failure | undefined;
}

async function probeApp(t: TestContext, options: RigOptions): Promise<Probed> {
  const rig = makeRig(t, options);
  const prober = proberOf(rig);
  const instance = await rig.boot();
  const result: Result<ProbeReport> = await prober.probe(instance, 'deploy', never);
  return { rig, instance, report: result.ok ? result.value : undefined, failure: result.ok ? undefined : result.failure };
}
