import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { detectApp, initialContract } from '../../src/init/index.ts';
import { parseContract } from '../../src/orchestrator/core/contract-parse.ts';
import { appFolder } from './folders.ts';

const server = 'require("http").createServer((q, r) => r.end("/healthz")).listen(process.env.PORT);\n';

async function init(context: TestContext, files: Record<string, string | object>) {
  const detection = await detectApp(appFolder(context, { 'server.js': server, ...files }));
  return { detection, ...initialContract(detection) };
}

test('databases and uploads that git ignores are shared, others are asked about', async (context) => {
  const { contract, unknowns } = await init(context, {
    '.gitignore': 'data/\n/uploads/\n*.sqlite3\n!kept.sqlite3\ncache/\n# a comment\n',
    'db.js':
      "new DatabaseSync(join(import.meta.dirname, 'data', 'app.db'));\nopen('./data/other.db'); open('sessions.sqlite3'); open('sqlite:///kept.sqlite3');\n",
    'db/dev.sqlite3': '',
    'uploads/a.png': '',
  });
  assert.deepEqual(contract['shared_paths'], ['uploads/', 'data/', 'sessions.sqlite3', 'db/dev.sqlite3']);
  assert.deepEqual(unknowns, [
    'Whether kept.sqlite3 (db.js line 2) is a database of the running app: if so, have git ignore kept.sqlite3 and add it to shared_paths, or each release starts with its own.',
  ]);
  assert.ok(parseContract(contract).ok);
});

test('a database in a folder that only a variable names is taken to be in the store that git ignores', async (context) => {
  const source = "const db = new DatabaseSync(join(folder, 'app.db'));\n";
  const known = await init(context, { '.gitignore': 'node_modules\ndata\n', 'store.js': source });
  assert.deepEqual(known.contract['shared_paths'], ['data/']);
  assert.deepEqual(known.unknowns, []);
  const unknown = await init(context, { 'store.js': source });
  assert.match(unknown.unknowns.join('\n'), /^Whether app\.db \(store\.js line 1\)/);
});

test('a shared folder that keeps a file in git is pointed out', async (context) => {
  const { contract, unknowns } = await init(context, { '.gitignore': 'uploads/\n', 'uploads/.gitkeep': '' });
  assert.deepEqual(contract['shared_paths'], ['uploads/']);
  assert.match(unknowns[0] ?? '', /^uploads\/\.gitkeep is probably in git/);
});

test('variables come from the example file: secrets by name, others with their value, never the values of .env', async (context) => {
  const example =
    '# settings\nPORT=3000\nexport DATABASE_URL=postgres://localhost/x\nAPI_KEY="abc"\nLOG_LEVEL=info # or debug\nNAME="My app"\nEMPTY=\nTODO=changeme\n';
  const { contract, unknowns } = await init(context, { '.env.example': example, '.env': 'OTHER=1\n' });
  assert.deepEqual(contract['secrets_inject'], ['DATABASE_URL', 'API_KEY', 'EMPTY', 'TODO']);
  assert.deepEqual(contract['env'], { LOG_LEVEL: 'info', NAME: 'My app' });
  assert.match(unknowns.join('\n'), /The values of DATABASE_URL, API_KEY, EMPTY, TODO: write NAME=value lines to secrets\.env/);
  assert.ok(parseContract(contract).ok);
  const bare = await init(context, { '.env': 'COLOUR=red-value\nLIMIT=5\n' });
  assert.deepEqual(bare.contract['secrets_inject'], ['COLOUR', 'LIMIT']);
  assert.ok(!JSON.stringify(bare).includes('red-value'));
});

test('the port is free, not taken by another app, and a second one goes to an app with an internal listener', async (context) => {
  const folder = appFolder(context, { 'server.js': `${server}http.createServer().listen(process.env.INTERNAL_PORT);\n` });
  const first = await detectApp(folder);
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen(first.port, '127.0.0.1', resolve));
  context.after(() => new Promise((resolve) => blocker.close(resolve)));
  const second = await detectApp(folder);
  assert.ok(second.port > first.port);
  const third = await detectApp(folder, { takenPorts: [second.port] });
  assert.ok(third.port > second.port);
  assert.ok(third.internalPort > third.port);
  const { contract } = initialContract(third);
  assert.equal(contract['internal_port'], third.internalPort);
  assert.ok(parseContract(contract).ok);
  assert.ok(parseContract(initialContract(third, { port: third.internalPort }).contract).ok);
});

test('what the operator gives replaces what was found, and the questions about it', async (context) => {
  const detection = await detectApp(appFolder(context, {}));
  const { contract, unknowns } = initialContract(detection, { port: 8080, startCommand: './run $PORT', healthEndpoint: '/ok' });
  assert.deepEqual(contract, { $schema: './app.contract.schema.json', start_command: './run $PORT', port: 8080, health_endpoint: '/ok' });
  assert.deepEqual(unknowns, []);
});

test('the human branch is main when there is one, else the one checked out', async (context) => {
  const folder = appFolder(context, { 'server.js': server });
  const git = (...args: string[]): void => {
    execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@example.org', ...args], { cwd: folder, stdio: 'ignore' });
  };
  git('init', '-b', 'trunk');
  git('add', '.');
  git('commit', '-m', 'First');
  assert.equal((await detectApp(folder)).humanBranch, 'trunk');
  git('branch', 'main');
  assert.equal((await detectApp(folder)).humanBranch, 'main');
  git('pack-refs', '--all');
  assert.equal((await detectApp(folder)).humanBranch, 'main');
  assert.equal((await detectApp(appFolder(context, {}))).humanBranch, 'main');
});

test('links, pipes, large and binary files are left alone', { timeout: 20_000 }, async (context) => {
  const outside = appFolder(context, {
    'package.json': { scripts: { start: 'node secret.js' } },
    'src/index.js': "'/healthz'",
    '.env': 'TOP=1',
  });
  const folder = appFolder(context, {
    'server.js': server.replace('/healthz', ''),
    'binary.js': "\0'/up'",
    'large.js': `'/up'${' '.repeat(300_000)}`,
  });
  symlinkSync(join(outside, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(outside, 'src'), join(folder, 'src'));
  symlinkSync(join(outside, '.env'), join(folder, '.env'));
  symlinkSync('.', join(folder, 'loop'));
  execFileSync('mkfifo', [join(folder, 'requirements.txt')]);
  const detection = await detectApp(folder);
  assert.equal(detection.startCommand, 'node server.js');
  assert.equal(detection.healthEndpoint, '');
  assert.deepEqual(detection.secrets, []);
});

test('a folder that is very large or very deep is looked at within bounds, and that is said', { timeout: 30_000 }, async (context) => {
  const folder = appFolder(context, { 'server.js': server });
  mkdirSync(join(folder, Array(40).fill('deep').join('/')), { recursive: true });
  writeFileSync(join(folder, 'main.js'), `${'x'.repeat(200_000)}\n`);
  const detection = await detectApp(folder);
  assert.equal(detection.startCommand, 'node server.js');
  assert.match(detection.unknowns.at(-1)?.text ?? '', /more files than init looks at/);
});

test('a prestart script runs before the app', async (context) => {
  const { contract } = await init(context, { 'package.json': { scripts: { prestart: 'node build.js', start: 'node server.js' } } });
  assert.equal(contract['start_command'], 'node build.js && exec node server.js');
});

test('scripts that call each other in a circle, and a broken package.json, are no obstacle', async (context) => {
  const circle = await init(context, { 'package.json': { scripts: { start: 'npm run a', a: 'npm run start' } } });
  assert.match(circle.unknowns.join('\n'), /its "start" script calls itself/);
  const broken = await init(context, { 'package.json': '{ "scripts": ' });
  assert.equal(broken.contract['start_command'], 'node server.js');
  assert.match(broken.unknowns[0] ?? '', /not valid JSON/);
  const odd = await init(context, { 'package.json': { scripts: [], dependencies: { __proto__: 1 }, main: 5, packageManager: {} } });
  assert.equal(odd.contract['start_command'], 'node server.js');
});

test('files made to keep patterns busy are read in no time', { timeout: 20_000 }, async (context) => {
  const runs = ['\n', ' ', 'a', '"', '(', '*/', '{,', 'x=', '::/'].map((part) => part.repeat(250_000 / part.length));
  const names = [
    'package.json',
    'requirements.txt',
    'pyproject.toml',
    'Gemfile',
    'go.mod',
    'Procfile',
    '.gitignore',
    '.env.example',
    'app.py',
    'main.go',
    'index.js',
  ];
  for (const run of runs) {
    const started = performance.now();
    await detectApp(appFolder(context, Object.fromEntries(names.map((name) => [name, `${run}!`]))));
    assert.ok(performance.now() - started < 2_000, JSON.stringify(run.slice(0, 2)));
  }
});
