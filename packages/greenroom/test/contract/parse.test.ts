import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_HEALTH_TIMEOUT_MS, DEFAULT_SETUP_INPUTS } from '../../src/orchestrator/core/contract.ts';
import { parseContract } from '../../src/orchestrator/core/contract-parse.ts';
import { formatProblem } from '../../src/orchestrator/core/contract-problems.ts';

const least = { start_command: 'node server.js', port: 3000, health_endpoint: '/healthz' };

function sentences(json: unknown): string[] {
  const parsed = parseContract(json);
  return parsed.ok ? [] : parsed.problems.map(formatProblem);
}

function notes(fields: object): string[] {
  const parsed = parseContract({ ...least, ...fields });
  assert.ok(parsed.ok, 'refused');
  return parsed.notes;
}

test('three fields are enough, and the rest has defaults', () => {
  const parsed = parseContract(least);
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.notes, []);
  assert.equal(parsed.contract.health_timeout_ms, DEFAULT_HEALTH_TIMEOUT_MS);
  assert.deepEqual(parsed.contract.setup_inputs, DEFAULT_SETUP_INPUTS);
  assert.equal(parsed.contract.human_branch, 'main');
  assert.equal(parsed.contract.agent_branch, 'machine');
  assert.equal(parsed.contract.internal_port, undefined);
  assert.equal(parsed.contract.setup_command, undefined);
});

test('a contract with every kind of field is taken as it is', () => {
  const full = {
    ...least,
    internal_port: 3901,
    health_test_payload: {
      method: 'POST',
      path: '/api/ping?x=1',
      headers: { 'X-A': 'b' },
      body: { a: [null] },
      expect: { status: [200, 201] },
    },
    health_timeout_ms: 5000,
    drain_timeout_ms: 0,
    protected_paths: ['.env', 'app.contract.json', 'orchestrator/', '.git'],
    secrets_inject: ['DATABASE_URL', 'API_KEY'],
    max_deploy_size_mb: 0.5,
    shared_paths: ['data/', 'data2', 'uploads'],
    env: { LOG_LEVEL: 'info', EMPTY: '' },
    human_branch: 'release/1.0',
    agent_branch: 'bot/machine',
  };
  const parsed = parseContract(full);
  assert.ok(parsed.ok);
  const { expect, ...payload } = full.health_test_payload;
  assert.deepEqual(parsed.contract.health_test_payload, { ...payload, expect });
  assert.deepEqual(parsed.contract.shared_paths, full.shared_paths);
  assert.deepEqual(parsed.notes, []);
});

const SOCKET_PATH = 'an absolute path of at most 107 bytes, without ".." segments, quotes, "\\", "$", ";", "#", "{" and "}"';
/** In bytes: it has 55 characters. */
const LONG_PATH = `/${'ä'.repeat(54)}`;
const refusals: [name: string, fields: object, expected: string[]][] = [
  ['port too large', { port: 99999 }, ['port: 99999 is not allowed; a whole number from 1 to 65535.']],
  ['port as text', { port: '3000' }, ['port: "3000" is not allowed; a whole number from 1 to 65535. Write it without quotes.']],
  ['port with a fraction', { port: 0.5 }, ['port: 0.5 is not allowed; a whole number from 1 to 65535.']],
  ['port null', { port: null }, ['port: null is not allowed; a whole number from 1 to 65535.']],
  [
    'one port twice',
    { internal_port: 3000 },
    ['internal_port: 3000 is not allowed; another port than port. Leave internal_port out when the app has one listener.'],
  ],
  [
    'internal port and socket',
    { internal_port: 3901, internal_socket: '/run/shop.sock' },
    ['internal_socket: "/run/shop.sock" is not allowed; left out beside internal_port. It takes the place of internal_port: keep one.'],
  ],
  [
    'internal socket that is relative',
    { internal_socket: 'run/shop.sock' },
    [`internal_socket: "run/shop.sock" is not allowed; ${SOCKET_PATH}.`],
  ],
  ['internal socket that is too long', { internal_socket: LONG_PATH }, [`internal_socket: "${LONG_PATH}" is not allowed; ${SOCKET_PATH}.`]],
  [
    'blank command',
    { start_command: ' \n' },
    ['start_command: " \\n" is not allowed; the command that starts the app, for example "node server.js", not empty.'],
  ],
  [
    'timer overflow',
    { drain_timeout_ms: 3e9 },
    ['drain_timeout_ms: 3000000000 is not allowed; a whole number of milliseconds from 0 to 2147483647.'],
  ],
  [
    'wrong method',
    { health_test_payload: { method: 'get', path: '/' } },
    ['health_test_payload.method: "get" is not allowed; one of "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS".'],
  ],
  [
    'misspelled required field inside',
    { health_test_payload: { paht: '/' } },
    [
      'health_test_payload.path is missing; the path to request: begins with one "/", printable ASCII without spaces or "#". There is "paht": did you mean "path"?',
    ],
  ],
  [
    'wrong status',
    { health_test_payload: { path: '/', expect: { status: 'ok' } } },
    ['health_test_payload.expect.status: "ok" is not allowed; a status code from 100 to 599, or a list of them.'],
  ],
  [
    'header that is none, with its value hidden',
    { health_test_payload: { path: '/', headers: { 'X A': 'b', 'X-B': 'secret\nX-C: d' } } },
    [
      'health_test_payload.headers: "X A" is not allowed; the name of an HTTP header.',
      'health_test_payload.headers.X-B: the value (hidden) is not allowed; the value of an HTTP header: text on one line.',
    ],
  ],
  [
    'framing header',
    { health_test_payload: { path: '/', headers: { 'content-Length': '5' } } },
    ['health_test_payload.headers: "content-Length" is not allowed; headers that do not frame the request: Greenroom sets those.'],
  ],
  [
    'shared path out of the app',
    { shared_paths: ['../data', './data'] },
    [
      'shared_paths.0: "../data" is not allowed; a path relative to the top of the repository, without "..", "." or empty segments; a folder may end in "/".',
      'shared_paths.1: "./data" is not allowed; a path relative to the top of the repository, without "..", "." or empty segments; a folder may end in "/". Did you mean "data"?',
    ],
  ],
  [
    'nested shared paths',
    { shared_paths: ['data', 'data/uploads'] },
    ['shared_paths.1: "data/uploads" is not allowed; a path that is not "data", inside it or around it.'],
  ],
  [
    'a shared path twice',
    { shared_paths: ['data', 'data/'] },
    ['shared_paths.1: "data/" is not allowed; a path that is not "data", inside it or around it.'],
  ],
  [
    'a password in a URL, wherever it is',
    { setup_inputs: ['https://me:hunter2@host//x'] },
    [
      'setup_inputs.0: the value (hidden) is not allowed; a path relative to the top of the repository, without "..", "." or empty segments; a folder may end in "/".',
    ],
  ],
  ['.git shared', { shared_paths: ['.git/'] }, [`shared_paths.0: ".git/" is not allowed; a path outside .git, which is Greenroom's.`]],
  [
    'env of ours',
    { env: { PORT: '1' } },
    [
      'env: "PORT" is not allowed; the name of an environment variable (letters, digits, "_"), not PORT, INTERNAL_PORT, INTERNAL_SOCKET or GREENROOM…, which Greenroom sets.',
    ],
  ],
  ['env not text', { env: { DEBUG: true } }, ['env.DEBUG: true is not allowed; text (put numbers and true or false in quotes).']],
  [
    'secret with its value',
    { secrets_inject: ['API_KEY=hunter2'] },
    [
      'secrets_inject.0: "API_KEY" with its value (hidden) is not allowed; the name of an environment variable (letters, digits, "_"), not PORT, INTERNAL_PORT, INTERNAL_SOCKET or GREENROOM…, which Greenroom sets.',
    ],
  ],
  [
    'secret in env and twice',
    { env: { A: '1' }, secrets_inject: ['A', 'B', 'B'] },
    [
      'secrets_inject.0: "A" is not allowed; a name that is not in env. Take it out of one of the two.',
      'secrets_inject.2: "B" is not allowed; each name once.',
    ],
  ],
  [
    'webhook with its key',
    { alert_webhook: 'ftp://me:pw@host/T0/B0/x' },
    ['alert_webhook: the value (hidden) is not allowed; an http:// or https:// URL.'],
  ],
  [
    'same branches',
    { human_branch: 'machine' },
    ['human_branch: "machine" is not allowed; another branch than agent_branch, which is "machine".'],
  ],
  [
    'agent in a slot',
    { agent: { workspace: 'inactive-slot' } },
    [
      'agent.workspace: "inactive-slot" is not allowed; "own". The slot that is not live is another folder after each deploy, which no agent survives, and it holds the release to roll back to. Leave it out: the agent then has a clone of its own (docs/adr/0014).',
    ],
  ],
  [
    'chat path that can be written in two ways',
    { agent: { chat_path: '/a/../chat' } },
    [
      'agent.chat_path: "/a/../chat" is not allowed; a path of letters, digits, ".", "_", "~" and "-", without a "/" at its end, for example "/.greenroom".',
    ],
  ],
  [
    'a setting of another router',
    { router: { kind: 'nginx', admin: 'unix//run/caddy/admin.sock', command: [] } },
    [
      'router.command: [] is not allowed; a list of at least one argument, for example ["nginx"].',
      'router.admin: "unix//run/caddy/admin.sock" is not allowed; left out, unless router.kind is "caddy".',
    ],
  ],
  [
    'an admin interface that others could reach',
    { router: { kind: 'caddy', admin: 'http://0.0.0.0:2019' } },
    [
      'router.admin: "http://0.0.0.0:2019" is not allowed; a loopback address such as "http://127.0.0.1:2019", or a Unix socket such as "unix//run/caddy/admin.sock".',
    ],
  ],
  [
    'a certificate for Caddy',
    { router: { kind: 'caddy' }, routes: [{ tls: { certificate: '/c.pem', key: '/k.pem' } }] },
    ['routes.0.tls: an object is not allowed; left out with Caddy. Caddy gets the certificates of its host names itself.'],
  ],
  [
    'a host that Caddy would serve twice by HTTPS',
    { router: { kind: 'caddy' }, routes: [{ host: 'a' }, { host: 'a', port: 80 }, { host: 'a', port: 443 }] },
    ['routes.2: an object is not allowed; another host, path or port than those of an earlier route.'],
  ],
  [
    'routes that cannot be beside each other',
    {
      internal_port: 3001,
      routes: [
        { host: 'a' },
        { host: 'a', port: 80 },
        { port: 80, tls: { certificate: '/c.pem', key: '/k.pem' } },
        { port: 3000 },
        { port: 3001 },
      ],
    },
    [
      'routes.1: an object is not allowed; another host, path or port than those of an earlier route.',
      'routes.2.port: 80 is not allowed; a port whose routes all have tls, or none has it.',
      'routes.3.port: 3000 is not allowed; another port than port. With routes, port listens on 127.0.0.1 only.',
      'routes.4.port: 3001 is not allowed; another port than internal_port. It is never reachable from outside.',
    ],
  ],
  [
    'two certificates for one host',
    {
      routes: [
        { host: 'a', tls: { certificate: '/c.pem', key: '/k.pem' } },
        { host: 'a', path: '/b', tls: { certificate: '/d.pem', key: '/k.pem' } },
        { host: 'b', tls: { certificate: '/d.pem', key: '/k.pem' } },
      ],
    },
    ['routes.1.tls: an object is not allowed; the files of the earlier route of this host. A host has one certificate, whatever the path.'],
  ],
  [
    'a file name that ends a line of nginx.conf',
    { routes: [{ tls: { certificate: '/etc/a;b', key: '/etc/../k' } }] },
    [
      'routes.0.tls.certificate: "/etc/a;b" is not allowed; the PEM file of the certificate with its chain: an absolute path without ".." segments, quotes, "\\", "$", ";", "#", "{" and "}".',
      'routes.0.tls.key: the value (hidden) is not allowed; the PEM file of the key: an absolute path without ".." segments, quotes, "\\", "$", ";", "#", "{" and "}".',
    ],
  ],
  ['branch like an option', { human_branch: '--force' }, ['human_branch: "--force" is not allowed; a git branch name such as "main".']],
  ['list for an object', { run_as: ['www'] }, ['run_as: a list of 1 is not allowed; an object with "user" and perhaps "group".']],
  [
    'number for a user',
    { run_as: { user: '0', group: '-G' } },
    ['run_as.user: "0" is not allowed; the name of a user.', 'run_as.group: "-G" is not allowed; the name of a group.'],
  ],
  [
    'very long value',
    { health_endpoint: 'x'.repeat(5000) },
    [
      `health_endpoint: "${'x'.repeat(58)}… is not allowed; the path that answers 200 when the app is ready, for example "/healthz": begins with one "/", printable ASCII without spaces or "#".`,
    ],
  ],
];

for (const [name, fields, expected] of refusals) {
  test(`refused: ${name}`, () => {
    assert.deepEqual(sentences({ ...least, ...fields }), expected);
  });
}

test('a missing required field names the one that was probably meant', () => {
  assert.deepEqual(sentences({ startCommand: 'x', port: 1, helth_endpoint: '/' }), [
    'start_command is missing; the command that starts the app, for example "node server.js", not empty. There is "startCommand": did you mean "start_command"?',
    'health_endpoint is missing; the path that answers 200 when the app is ready, for example "/healthz": begins with one "/", printable ASCII without spaces or "#". There is "helth_endpoint": did you mean "health_endpoint"?',
  ]);
  assert.deepEqual(sentences([]), ['The contract: [] is not allowed; a JSON object, { … }.']);
});

test('paths, branches and health endpoints at their edges', () => {
  const refused = (field: string, values: unknown[]): unknown[] =>
    values.filter((value) => sentences({ ...least, [field]: value }).length > 0);
  const badPaths = ['', '/', '/etc', '..', 'a/..', 'a/../b', 'a//b', 'a/./b', 'a\0b', 'a\n/../b', '.', './'].map((path) => [path]);
  const goodPaths = ['a', 'a/', '...', '..a/b', '.env', 'a b', 'é/ü'].map((path) => [path]);
  assert.deepEqual(refused('protected_paths', [...badPaths, ...goodPaths]), badPaths);
  assert.deepEqual(refused('setup_inputs', [...badPaths, ...goodPaths]), badPaths);
  const badBranches = [
    '',
    '-x',
    'a..b',
    'a b',
    'a~1',
    'a^',
    'a:b',
    'a?',
    'a*',
    'a[',
    'a\\b',
    '/a',
    'a/',
    'a//b',
    '.a',
    'a/.b',
    'a.lock',
    'a.lock/b',
    'a.',
    '@',
    'a@{1}',
    'HEAD',
    'a\u2028..b',
    'a\nb',
  ];
  const goodBranches = ['a', 'feature/x-1', 'a.b', 'HEADS', '@a', 'ünï'];
  assert.deepEqual(refused('human_branch', [...badBranches, ...goodBranches]), badBranches);
  const badEndpoints = ['', 'healthz', '//host/x', '/a b', '/a\n', '/a#b', '/ü', 'http://x/'];
  assert.deepEqual(refused('health_endpoint', [...badEndpoints, '/', '/healthz', '/a?b=%20']), badEndpoints);
});

test('hosts, prefixes and networks at their edges', () => {
  const refused = (field: string, values: string[]): string[] =>
    values.filter((value) => sentences({ ...least, routes: [{ [field]: value }] }).length > 0);
  const badHosts = [
    '',
    '.',
    'Shop.example.com',
    'a..b',
    'a.',
    '-a',
    'a-',
    '*',
    'a.*.b',
    '**.a',
    'a b',
    'a;b',
    'a:80',
    'ü',
    `${'a'.repeat(64)}.b`,
  ];
  const goodHosts = ['localhost', 'shop.example.com', '*.example.com', 'xn--bcher-kva.example', '127.0.0.1', 'a--b'];
  assert.deepEqual(refused('host', [...badHosts, ...goodHosts]), badHosts);
  const badPaths = ['', '/', 'shop', '/shop/', '//shop', '/a/../b', '/a;b', '/a b', '/%2e', '/{a}'];
  assert.deepEqual(refused('path', [...badPaths, '/shop', '/a/.b/c-d_~1']), badPaths);
  const networks = ['10.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8'];
  const badNetworks = ['10.0.0', '10.0.0.0/33', 'fd00::/129', 'localhost', '10.0.0.1;'];
  const refusedNetworks = [...badNetworks, ...networks].filter((value) => sentences({ ...least, trusted_proxies: [value] }).length > 0);
  assert.deepEqual(refusedNetworks, badNetworks);
});

test('unknown fields are ignored with a note', () => {
  assert.deepEqual(notes({ helth_timeout_ms: 1 }), ['helth_timeout_ms is not a field and is ignored; did you mean health_timeout_ms?']);
  assert.deepEqual(notes({ zebra: 1, '//': 'a comment', $comment: 'too' }), ['zebra is not a field and is ignored.']);
  assert.deepEqual(notes({ health_test_payload: { path: '/', expects: {}, expect: { statsu: 1 } } }), [
    'health_test_payload.expects is not a field and is ignored; did you mean health_test_payload.expect?',
    'health_test_payload.expect.statsu is not a field and is ignored; did you mean health_test_payload.expect.status?',
  ]);
  assert.deepEqual(notes(JSON.parse('{"__proto__": {"port": 1}, "constructor": 1}')).length, 2);
});

test('patterns are accepted with a note', () => {
  assert.deepEqual(notes({ shared_paths: ['*.db'] }), ['shared_paths: "*.db" is taken literally; patterns are not supported.']);
  assert.deepEqual(notes({ routes: [{ port: 80, prot: 1 }], trusted_proxies: ['10.0.0.1'], router: { kind: 'nginx', kid: 1 } }), [
    'router.kid is not a field and is ignored; did you mean router.kind?',
  ]);
});

test('limits are numbers with their unit in the name, and what Node cannot live with is pointed out', () => {
  const limits = {
    app: { memory_mb: 512, cpu_percent: 150, processes: 128, open_files: 4096, file_size_mb: 64 },
    setup: {},
    agent: { memory_mb: 128 },
  };
  assert.deepEqual(notes({ limits }), []);
  assert.deepEqual(sentences({ ...least, limits: { app: { memory_mb: '512m', file_size_mb: 1 }, agent: 3 } }), [
    'limits.app.memory_mb: "512m" is not allowed; a whole number of megabytes from 16 to 1048576.',
    'limits.app.file_size_mb: 1 is not allowed; a whole number of megabytes from 64 to 1048576.',
    'limits.agent: 3 is not allowed; an object of limits, for example { "memory_mb": 512 }.',
  ]);
  assert.deepEqual(notes({ limits: { app: { memory_mb: 64, processes: 16 } } }), [
    'limits.app.memory_mb: 64 is little for Node (it takes about 50 MB before it has run a line of the app, and most apps 100 MB and more).',
    'limits.app.processes: 16 is little for Node (each thread counts, and one process of it has about 11).',
  ]);
  assert.deepEqual(notes({ limits: { app: { memory_md: 1 } } }), [
    'limits.app.memory_md is not a field and is ignored; did you mean limits.app.memory_mb?',
  ]);
});
