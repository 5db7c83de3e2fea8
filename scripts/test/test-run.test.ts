import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

const script = join(import.meta.dirname, '..', 'test.ts');
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'test-run-'));
});
after(() => rm(folder, { recursive: true, force: true }));

test('a run that passes ends with the counts', async () => {
  const result = await run('passes', `test('one', () => {});`);
  assert.equal(result.code, 0, result.output);
  assert.match(result.output, /ℹ tests 1\nℹ suites 0\nℹ pass 1\nℹ fail 0/);
});

test('a failing test fails the run', async () => {
  assert.equal((await run('fails', `test('one', () => { throw new Error('no'); });`)).code, 1);
});

test('a test that hangs fails the run', async () => {
  const result = await run('hangs', `test('one', () => new Promise((done) => setTimeout(done, 3_000)));`, ['--test-timeout=300']);
  assert.equal(result.code, 1);
  assert.match(result.output, /timed out after 300ms/);
});

test('a file without a test fails the run', async () => {
  const result = await run('empty', '', ['--test-name-pattern', 'nothing is called this']);
  assert.equal(result.code, 1);
  assert.match(result.output, /no test ran/);
});

test('arguments that name no test file fail the run', async () => {
  const result = await start([join(folder, 'nothing-here-*.test.ts')]);
  assert.equal(result.code, 1);
  assert.match(result.output, /no test file matches/);
});

test('a process left behind with an environment of its own is named, ended and fails the run', async () => {
  const pidFile = join(folder, 'pid');
  const body = `test('one', () => {
    const env = { GREENROOM_INSTANCE: 'i-left' };
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { cwd: tmpdir(), env, detached: true, stdio: 'ignore' });
    child.unref();
    writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
  });`;
  const result = await run('process', body);
  const pid = (await readFile(pidFile, 'utf8')).trim();
  assert.equal(result.code, 1);
  assert.match(result.output, new RegExp(`process ${pid}: .*instance i-left`));
  assert.match(result.output, /ℹ fail 1\n$/);
  assert.equal(await isGone(pid), true);
});

test('a file left in the temporary folder is named and fails the run', async () => {
  const result = await run('file', `test('one', () => writeFileSync(join(tmpdir(), 'left.txt'), ''));`);
  assert.equal(result.code, 1);
  assert.match(result.output, /file \/tmp\/gr-\w+\/t\/left\.txt/);
});

interface Ended {
  code: number | null;
  output: string;
}

async function run(name: string, body: string, options: string[] = []): Promise<Ended> {
  const file = join(folder, `${name}.test.ts`);
  const imports = [
    `import { spawn } from 'node:child_process';`,
    `import { writeFileSync } from 'node:fs';`,
    `import { tmpdir } from 'node:os';`,
    `import { join } from 'node:path';`,
    `import { test } from 'node:test';`,
  ];
  await writeFile(file, `${imports.join('\n')}\n${body}\n`);
  return start([...options, file]);
}

function start(args: string[]): Promise<Ended> {
  // Node's runner refuses to run inside a test unless it is not told that it is.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(process.execPath, [script, ...args], { env: { ...env, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((done) => child.on('close', (code) => done({ code, output })));
}

/** Killed processes stay in /proc until they are waited for; then their command line is empty. */
async function isGone(pid: string): Promise<boolean> {
  const deadline = Date.now() + 2_000;
  while (Date.now() < deadline) {
    if (!existsSync(`/proc/${pid}`) || (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')) === '') return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}
