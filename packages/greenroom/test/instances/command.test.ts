import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runCommand } from '../../src/orchestrator/adapters/command.ts';
import { isRunning, readStat } from '../../src/proc.ts';

const never = new AbortController().signal;
const env = { PATH: process.env['PATH'] ?? '' };

test('a command answers its exit and the end of what it said, and logs it', async (t) => {
  const cwd = makeFolder(t);
  const logFile = join(cwd, 'log');
  const result = await runCommand({
    command: 'pwd; echo "$A" >&2; exit 3',
    cwd,
    env: { ...env, A: 'b c' },
    timeoutMs: 5_000,
    signal: never,
    logFile,
  });
  const exit = { code: 3, signal: null, description: 'exited with code 3' };
  assert.deepEqual(result, { exit, timedOut: false, aborted: false, stopped: false, tail: [cwd, 'b c'] });
  assert.equal(readFileSync(logFile, 'utf8'), `${cwd}\nb c\n`);
});

test('at the time limit everything that the command started is killed', async (t) => {
  const cwd = makeFolder(t);
  const command = 'trap "" TERM; echo $$; sh -c "echo \\$\\$; sleep 1000" & setsid sh -c "echo \\$\\$; sleep 1000" & sleep 1000';
  const start = performance.now();
  const result = await runCommand({ command, cwd, env, timeoutMs: 400, signal: never });
  assert.ok(performance.now() - start < 3_000);
  assert.deepEqual([result.timedOut, result.aborted, result.exit.signal], [true, false, 'SIGKILL']);
  assertGone(result.tail, 3);
});

test('what a finished command leaves behind is ended', async (t) => {
  const result = await runCommand({
    command: 'setsid sh -c "echo \\$\\$; sleep 1000" & sleep 0.3',
    cwd: makeFolder(t),
    env,
    timeoutMs: 5_000,
    signal: never,
  });
  assert.equal(result.exit.code, 0);
  assertGone(result.tail, 1);
});

test('an abort ends the command, before its start too', async (t) => {
  const cwd = makeFolder(t);
  const abort = new AbortController();
  const running = runCommand({ command: 'echo $$; sleep 1000', cwd, env, timeoutMs: 60_000, signal: abort.signal });
  setImmediate(() => abort.abort());
  const result = await running;
  assert.deepEqual([result.timedOut, result.aborted, result.exit.signal], [false, true, 'SIGKILL']);
  const unstarted = await runCommand({ command: 'touch made', cwd, env, timeoutMs: 60_000, signal: abort.signal });
  assert.deepEqual([unstarted.aborted, unstarted.exit.description], [true, 'was not started']);
  assert.equal(statSync(join(cwd, 'made'), { throwIfNoEntry: false }), undefined);
});

test('a flood is bounded in log and memory', async (t) => {
  const logFile = join(makeFolder(t), 'log');
  const result = await runCommand({ command: 'yes; echo unreachable', cwd: tmpdir(), env, timeoutMs: 500, signal: never, logFile });
  assert.ok(result.timedOut);
  assert.deepEqual(new Set(result.tail.slice(1)), new Set(['y']));
  assert.ok(statSync(logFile).size < 10 * 1024 * 1024 + 100);
});

test('a folder that does not exist is said', async () => {
  const result = await runCommand({ command: 'true', cwd: '/nonexistent', env, timeoutMs: 500, signal: never });
  assert.match(result.exit.description, /could not be started in \/nonexistent/);
});

function assertGone(pids: string[], count: number): void {
  assert.equal(pids.length, count, pids.join(' '));
  for (const pid of pids) assert.ok(!isRunning(readStat(Number(pid))), `${pid} runs on`);
}

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'greenroom-command-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
