/**
 * `npm test [-- arguments]`: every test of the repository, or the files, folders and options of `node --test` that are given. Fails when a test
 * fails or hangs, when none ran, and when processes or files of the tests are left behind.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, globSync, statSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative, resolve } from 'node:path';
import type { Counts } from './lib/count-reporter.ts';
import { endProcesses, findFiles, findProcesses, RUN_VARIABLE, type Run } from './lib/leftovers.ts';

const TEST_FILES = ['packages/*/test/**/*.test.ts', 'bench/**/*.test.ts', 'examples/*/test/**/*.test.ts', 'scripts/test/**/*.test.ts'];
const DEFAULT_TEST_TIMEOUT_MS = 120_000;
/** Tests wait for processes a good part of their time: three at once keep two cores busy. */
const MIN_CONCURRENCY = 3;
/** A test file that leaves a handle open never ends; the whole run must. */
const RUN_TIMEOUT_MS = 30 * 60_000;
/** Processes that were told to stop at the very end of a test may take this long to be gone. */
const LEFTOVER_GRACE_MS = 3_000;

/** These need the agents of `test/agents` beside what every command sets up. */
const AGENT_TESTS = /\/test\/real-agents\//;

const root = resolve(import.meta.dirname, '..');
const { files, options } = understand(process.argv.slice(2));
if (files.length === 0) {
  console.error('test: no test file matches.');
  process.exit(1);
}
if (files.some((file) => AGENT_TESTS.test(file))) {
  const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'setup.mjs'), '--needs=agents', 'node', '--version'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) process.exit(status ?? 1);
}
// Short, because the path of a Unix socket may have no more than 107 bytes.
const folder = await mkdtemp('/tmp/gr-');
const temporary = join(folder, 't');
await mkdir(temporary);
// Tests act as other users too, and those have to get at what is made for them.
for (const each of [folder, temporary]) await chmod(each, 0o755);
const run: Run = { id: randomUUID(), folder };
const code = await runTests();
const leftovers = await findLeftovers();
const counts = await readCounts();
await rm(folder, { recursive: true, force: true });
process.exitCode = report(code, leftovers, counts);

/** Splits the arguments into test files and options for Node: what exists, or has a star, is a file. */
function understand(args: string[]): { files: string[]; options: string[] } {
  const paths = args.filter((arg) => !arg.startsWith('-') && (existsSync(arg) || arg.includes('*')));
  const found = paths.length === 0 ? globSync(TEST_FILES, { cwd: root }) : paths.flatMap(expand);
  const isTest = (file: string): boolean => !file.includes('node_modules');
  return {
    files: [...new Set(found.filter(isTest).map((file) => resolve(root, file)))].sort(),
    options: args.filter((arg) => !paths.includes(arg)),
  };
}

function expand(path: string): string[] {
  if (existsSync(path)) return statSync(path).isDirectory() ? globSync(`${resolve(path)}/**/*.test.ts`) : [resolve(path)];
  return globSync(path, { cwd: root });
}

async function runTests(): Promise<number> {
  const given = (name: string): boolean => options.some((option) => option === name || option.startsWith(`${name}=`));
  const args = [
    '--test',
    ...(given('--test-timeout') ? [] : [`--test-timeout=${DEFAULT_TEST_TIMEOUT_MS}`]),
    ...(given('--test-concurrency') ? [] : [`--test-concurrency=${Math.max(MIN_CONCURRENCY, availableParallelism())}`]),
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(import.meta.dirname, 'lib', 'count-reporter.ts')}`,
    `--test-reporter-destination=${join(folder, 'counts.json')}`,
    ...options,
    ...files,
  ];
  const env = {
    ...process.env,
    [RUN_VARIABLE]: run.id,
    TMPDIR: temporary,
    GREENROOM_HOME: join(temporary, 'home'),
    // Hundreds of processes load the same modules: what the first ones have compiled, all others take from here.
    NODE_COMPILE_CACHE: join(folder, 'compile-cache'),
  };
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env });
  // Ctrl-C reaches the tests by the terminal; this process stays to clean up after them.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  const limit = setTimeout(() => {
    console.error(`test: still running after ${RUN_TIMEOUT_MS / 60_000} minutes, so it was stopped. Files that had not ended:`);
    for (const file of unfinished()) console.error(`  ${file}`);
    child.kill('SIGKILL');
  }, RUN_TIMEOUT_MS);
  const status = await new Promise<number>((done) => child.on('close', (exit) => done(exit ?? 1)));
  clearTimeout(limit);
  return status;
}

/** Test files whose process still runs. */
function unfinished(): string[] {
  const commands = findProcesses(run).map((one) => one.command);
  return files.filter((file) => commands.some((command) => command.endsWith(file))).map((file) => relative(root, file));
}

async function findLeftovers(): Promise<string[]> {
  const deadline = Date.now() + LEFTOVER_GRACE_MS;
  while (findProcesses(run).length > 0 && Date.now() < deadline) await new Promise((done) => setTimeout(done, 50));
  const processes = findProcesses(run);
  endProcesses(processes);
  const left = processes.map((one) => `process ${one.pid}: ${one.command}${one.instance ? ` (instance ${one.instance})` : ''}`);
  return [...left, ...findFiles(temporary).map((file) => `file ${file}`)];
}

async function readCounts(): Promise<Counts | null> {
  const text = await readFile(join(folder, 'counts.json'), 'utf8').catch(() => '');
  return text ? (JSON.parse(text) as Counts) : null;
}

function report(status: number, left: string[], counted: Counts | null): number {
  if (status === 0 && (!counted || counted.ran === 0)) {
    console.error('test: no test ran.');
    return 1;
  }
  if (left.length === 0) return status;
  console.error(`\n✖ the tests left ${left.length} thing${left.length === 1 ? '' : 's'} behind; processes were ended and files removed`);
  for (const line of left) console.error(`  ${line}`);
  // Once more in Node's words, so that what reads only the last summary sees the failure too.
  const { tests, passed, failed } = counted ?? { tests: 0, passed: 0, failed: 0 };
  console.log(`\nℹ tests ${tests + 1}\nℹ pass ${passed}\nℹ fail ${failed + 1}`);
  return status || 1;
}
