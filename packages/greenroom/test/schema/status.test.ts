import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { AttemptKind, Failure, SchemaStatus } from '@greenroom/sdk/wire';
import { createSchemaCheck, MAX_SCHEMA_STATUS_BYTES } from '../../src/orchestrator/adapters/probe/schema.ts';
import { parseSchemaStatus, schemaFailure, schemaView } from '../../src/orchestrator/core/schema.ts';
import { initialState } from '../../src/orchestrator/core/state.ts';
import type { Instance } from '../../src/orchestrator/ports.ts';

const COMMIT = '1'.repeat(40);
const OTHER = '2'.repeat(40);
const GOOD: SchemaStatus = {
  current_schema_version: 20260101120000,
  code_min_schema_version: 20260101120000,
  code_max_schema_version: 20260301120000,
  pending_migrations: 1,
  compatible: true,
};

const MALFORMED: [what: string, body: string, problem: RegExp][] = [
  ['nothing', '', /no JSON object/],
  ['HTML', '<h1>Hello</h1>', /no JSON object/],
  ['a list', '[]', /no JSON object/],
  ['null', 'null', /no JSON object/],
  ...Object.keys(GOOD).map((name): [string, string, RegExp] => [
    `without ${name}`,
    JSON.stringify({ ...GOOD, [name]: undefined }),
    new RegExp(name),
  ]),
  ['a version as text', JSON.stringify({ ...GOOD, current_schema_version: '5' }), /current_schema_version as "5"/],
  ['half a version', JSON.stringify({ ...GOOD, current_schema_version: 5.5 }), /no whole number from 0/],
  ['a negative version', JSON.stringify({ ...GOOD, code_min_schema_version: -1 }), /code_min_schema_version as -1/],
  ['a version that JSON numbers cannot hold', JSON.stringify(GOOD).replace('20260101120000', '20260101120000123'), /to 9007199254740991/],
  ['names instead of a count', JSON.stringify({ ...GOOD, pending_migrations: ['0005_add.sql'] }), /pending_migrations as \["0005_add/],
  ['compatible as text', JSON.stringify({ ...GOOD, compatible: 'yes' }), /neither true nor false/],
  ['a range that holds nothing', JSON.stringify({ ...GOOD, code_min_schema_version: 20260301120001 }), /which no database can be at/],
  [
    'compatible, but out of its own range',
    JSON.stringify({ ...GOOD, current_schema_version: 7 }),
    /compatible: true although .* version 7/,
  ],
];

test('what is malformed or contradicts itself is no schema status', () => {
  for (const [what, body, problem] of MALFORMED) {
    const parsed = parseSchemaStatus(body);
    assert.ok(!parsed.ok, what);
    assert.match(parsed.problem, problem, what);
  }
  const parsed = parseSchemaStatus(JSON.stringify({ ...GOOD, name: '0005_add.sql' }));
  assert.deepEqual(parsed, { ok: true, status: GOOD });
});

const JUDGED: [what: string, changes: Partial<SchemaStatus>, kind: AttemptKind, error: RegExp | null, remedy: RegExp][] = [
  ['at the lower end', {}, 'deploy', null, /never/],
  ['at the upper end', { current_schema_version: 20260301120000 }, 'rollback', null, /never/],
  [
    'before a migration',
    { current_schema_version: 3, compatible: false },
    'deploy',
    /at schema version 3, and 1111111111 supports versions 20260101120000 to 20260301120000, so it needs a newer schema\.$/,
    /Apply the migrations up to version 20260101120000 .*then: greenroom deploy 1111111111$/,
  ],
  [
    'no migration would help',
    { current_schema_version: 3, pending_migrations: 0, compatible: false },
    'deploy',
    /says that no migration is pending/,
    /lacks the migration/,
  ],
  [
    'a rollback across a migration',
    { current_schema_version: 20260401120000, compatible: false },
    'rollback',
    /at schema version 20260401120000, .* moved past it/,
    /back to version 20260301120000 at most, and then: greenroom rollback$/,
  ],
  [
    'old code on a newer schema',
    { current_schema_version: 20260401120000, compatible: false },
    'deploy',
    /moved past it/,
    /supports version 20260401120000/,
  ],
  ['the app knows better', { compatible: false }, 'deploy', /says itself that it is not compatible/, /greenroom logs/],
];

test('the stricter of the app and the numbers decides, and the refusal names the versions and what to do', () => {
  for (const [what, changes, kind, error, remedy] of JUDGED) {
    const failure = schemaFailure({ ...GOOD, ...changes }, { commit: COMMIT, kind });
    if (error === null) {
      assert.equal(failure, null, what);
      continue;
    }
    assert.equal(failure?.code, 'schema_incompatible', what);
    assert.match(failure.error, error, what);
    assert.match(failure.evidence?.remedy ?? '', remedy, what);
  }
});

test('an answer that cannot be relied on refuses', async (t) => {
  const port = await serve(t, (request, response) => {
    if (request.url === '/hangs') return;
    if (request.url === '/good') response.end(JSON.stringify(GOOD));
    else if (request.url === '/moved') response.writeHead(302, { location: '/good' }).end();
    else if (request.url === '/large') response.end(JSON.stringify({ ...GOOD, note: 'x'.repeat(MAX_SCHEMA_STATUS_BYTES) }));
    else if (request.url === '/endless') response.write(' '.repeat(1024 * 1024));
    else if (request.url === '/cut') response.write('{', () => response.destroy());
    else if (request.url === '/sick') response.writeHead(503).end('no database');
    else response.writeHead(404).end();
  });
  const problems: [path: string, error: RegExp][] = [
    ['/hangs', /asked for \/hangs, it did not answer: no complete answer within 200 ms/],
    ['/moved', /status 302, not 200/],
    ['/large', /more than 16384 bytes/],
    ['/endless', /more than 16384 bytes/],
    ['/cut', /did not answer: (?:aborted|the connection was closed)/],
    ['/sick', /status 503 \(no database\), not 200/],
    ['/none', /404: this release does not have the endpoint/],
  ];
  for (const [path, error] of problems) {
    const failure = await checkAt(port, path);
    assert.equal(failure?.code, 'schema_incompatible', path);
    assert.match(failure.error, error, path);
    assert.equal(failure.evidence?.request?.url, `http://127.0.0.1:${port}${path}`);
  }
  assert.equal(await checkAt(port, '/good'), undefined);
  assert.match((await checkAt(1, '/good'))?.error ?? '', /connection refused/);
});

test('what is shown: whether each release fits the database as it is now', () => {
  const state = { ...initialState(), live: { commit: COMMIT, slot: 'a', instance: 'i', attempt: 'd', served_at: 0 } as const };
  const previous = { commit: OTHER, slot: 'b', faulty: false } as const;
  const fits = (now: SchemaStatus | null, schema?: SchemaStatus): string[] =>
    schemaView({ ...state, previous: schema ? { ...previous, schema } : previous }, now, '').releases.map((it) => `${it.role} ${it.fits}`);
  const old = { ...GOOD, code_min_schema_version: 1, code_max_schema_version: 20260101120000 };
  assert.deepEqual(fits(GOOD, old), ['live yes', 'previous yes']);
  assert.deepEqual(fits({ ...GOOD, current_schema_version: 20260201120000 }, old), ['live yes', 'previous no']);
  assert.deepEqual(fits({ ...GOOD, current_schema_version: 20260401120000, compatible: false }, old), ['live no', 'previous no']);
  assert.deepEqual(fits({ ...GOOD, compatible: false }, old), ['live no', 'previous yes']);
  assert.deepEqual(fits(GOOD), ['live yes', 'previous unknown']);
  assert.deepEqual(fits(null, old), ['live unknown', 'previous unknown']);
});

async function checkAt(port: number, path: string): Promise<Failure | undefined> {
  const instance = { commit: COMMIT, port: 1, internalPort: port, internalSocket: '' } as Instance;
  const check = createSchemaCheck({ schema_status_endpoint: path }, 200);
  const result = await check.check(instance, { commit: COMMIT, kind: 'deploy' }, new AbortController().signal);
  return result.ok ? undefined : result.failure;
}

async function serve(t: TestContext, listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
