import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

/** A small repository of its own with the real setup.mjs, and in npm's place a script that notes that it ran and then does what FAKE_NPM says. */
const FAKE_NPM = `
const fs = require('node:fs');
fs.appendFileSync('npm-runs', process.argv.slice(2).join(' ') + '\\n');
if (process.env.FAKE_NPM === 'offline') { console.error('npm error code EAI_AGAIN'); process.exit(1); }
if (process.env.FAKE_NPM === 'broken') { console.error('npm error the lock file is odd'); process.exit(1); }
const finish = () => {
  fs.mkdirSync('node_modules', { recursive: true });
  fs.copyFileSync('package-lock.json', 'node_modules/.package-lock.json');
};
fs.mkdirSync('node_modules', { recursive: true });
fs.rmSync('node_modules/.package-lock.json', { force: true });
if (process.env.FAKE_NPM === 'stuck') setInterval(() => {}, 1000);
else setTimeout(finish, 150);
`;
const RAN = 'the command ran';
const COMMAND = ['node', '-e', `console.log('${RAN}')`];

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'setup-'));
  await mkdir(join(folder, 'scripts'));
  await cp(join(import.meta.dirname, '..', 'setup.mjs'), join(folder, 'scripts', 'setup.mjs'));
  await cp(join(import.meta.dirname, '..', 'node'), join(folder, 'scripts', 'node'), { recursive: true });
  await writeFile(join(folder, 'npm.js'), FAKE_NPM);
  await lock('1.0.0');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('the first run installs, the next ones do not', async () => {
  for (const expected of [1, 1]) {
    const result = await setup(COMMAND);
    assert.equal(result.code, 0, result.output);
    assert.match(result.output, new RegExp(RAN));
    assert.equal(await npmRuns(), expected);
  }
});

test('a changed lock file installs again', async () => {
  await setup(COMMAND);
  await lock('2.0.0');
  await setup(COMMAND);
  assert.equal(await npmRuns(), 2);
});

test('packages that were installed another way and match are taken as they are', async () => {
  await mkdir(join(folder, 'node_modules'));
  await cp(join(folder, 'package-lock.json'), join(folder, 'node_modules', '.package-lock.json'));
  assert.equal((await setup(COMMAND)).code, 0);
  assert.equal(await npmRuns(), 0);
});

test('two runs at the same time install once and both go on', async () => {
  const results = await Promise.all([setup(COMMAND), setup(COMMAND)]);
  for (const { code, output } of results) {
    assert.equal(code, 0, output);
    assert.match(output, new RegExp(RAN));
  }
  assert.equal(await npmRuns(), 1);
});

test('a run that was killed while installing is repaired by the next', async () => {
  const { child, ended } = start(COMMAND, { FAKE_NPM: 'stuck' }, true);
  await until(() => existsSync(join(folder, 'npm-runs')));
  process.kill(-Number(child.pid), 'SIGKILL');
  await ended;
  const result = await setup(COMMAND);
  assert.equal(result.code, 0, result.output);
  assert.equal(await npmRuns(), 2);
});

test('without a network it says so, and runs nothing', async () => {
  const result = await setup(COMMAND, { FAKE_NPM: 'offline' });
  assert.equal(result.code, 1);
  assert.match(result.output, /the npm registry cannot be reached/);
  assert.doesNotMatch(result.output, new RegExp(RAN));
});

test("another failure of npm shows npm's own words", async () => {
  const result = await setup(COMMAND, { FAKE_NPM: 'broken' });
  assert.equal(result.code, 1);
  assert.match(result.output, /the lock file is odd/);
});

test('the exit status and the signal of the command are passed through', async () => {
  assert.equal((await setup(['node', '-e', 'process.exit(7)'])).code, 7);
  assert.equal((await setup(['node', '-e', 'process.kill(process.pid, "SIGKILL"); setTimeout(() => {}, 5000)'])).signal, 'SIGKILL');
});

test('a signal reaches the command', async () => {
  await setup(COMMAND);
  const { child, ended, output } = start([
    'node',
    '-e',
    `process.on('SIGTERM', () => process.exit(3)); setInterval(() => {}, 1000); console.log('up')`,
  ]);
  await until(() => output().includes('up'));
  child.kill('SIGTERM');
  assert.equal((await ended).code, 3);
});

test('a missing program is installed by root, and asked for by others', async () => {
  const programs = join(folder, 'programs');
  await mkdir(programs);
  await writeFile(
    join(programs, 'apt-get'),
    `#!/bin/sh\ncase "$*" in *install*) printf '#!/bin/sh\\n' > ${programs}/no-such-program; chmod +x ${programs}/no-such-program;; esac\n`,
  );
  await chmod(join(programs, 'apt-get'), 0o755);
  const result = await setup(['--needs=no-such-program', ...COMMAND], { PATH: `${programs}${delimiter}${process.env['PATH']}` });
  const isRoot = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
  assert.equal(result.code, isRoot ? 0 : 1, result.output);
  assert.match(result.output, isRoot ? /no-such-program not found; installing with apt-get/ : /Install no-such-program/);
});

test('a program with a question mark is done without when it cannot be installed', async () => {
  const programs = join(folder, 'programs');
  await mkdir(programs);
  await writeFile(join(programs, 'apt-get'), '#!/bin/sh\nexit 100\n');
  await chmod(join(programs, 'apt-get'), 0o755);
  const result = await setup(['--needs=git,no-such-program?', ...COMMAND], { PATH: `${programs}${delimiter}${process.env['PATH']}` });
  assert.equal(result.code, 0, result.output);
  assert.match(result.output, /no-such-program.*Going on without it\.\n/);
  assert.match(result.output, new RegExp(RAN));
});

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
}

function start(
  args: string[],
  env: NodeJS.ProcessEnv = {},
  detached = false,
): { child: ChildProcess; ended: Promise<Ended>; output: () => string } {
  const child = spawn(process.execPath, [join(folder, 'scripts', 'setup.mjs'), ...args], {
    cwd: folder,
    detached,
    env: { ...process.env, npm_execpath: join(folder, 'npm.js'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise<Ended>((done) => child.on('close', (code, signal) => done({ code, signal, output })));
  return { child, ended, output: () => output };
}

function setup(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return start(args, env).ended;
}

async function lock(version: string): Promise<void> {
  const content = { name: 'x', lockfileVersion: 3, packages: { '': { name: 'x' }, 'node_modules/a': { version } } };
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify(content));
}

async function npmRuns(): Promise<number> {
  if (!existsSync(join(folder, 'npm-runs'))) return 0;
  return (await readFile(join(folder, 'npm-runs'), 'utf8')).trim().split('\n').length;
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'waited 10 s for something that did not come');
    await new Promise((done) => setTimeout(done, 10));
  }
}
