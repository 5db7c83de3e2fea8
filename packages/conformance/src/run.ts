import { execFile } from 'node:child_process';
import { createWorld } from './harness/world.ts';
import { type ConformanceTest, FEATURES, type Feature } from './test.ts';

/** Each test's own processes must be gone after the orchestrator was asked to stop: checked at the end of all of them. */
export const LEFTOVERS = 'STOP-2';
const FEATURES_DEADLINE_MS = 10_000;
const TEST_DEADLINE_MS = 60_000;

export interface Finding {
  requirement: string;
  /** Empty when it holds. */
  problem: string;
}

export interface TestResult {
  name: string;
  findings: Finding[];
  durationMs: number;
  /** Last lines of the orchestrator's output, for failed tests. */
  log: string;
}

export interface RunOptions {
  /** Command and first arguments of the adapter. */
  adapter: readonly string[];
  tests: readonly ConformanceTest[];
  /** How many tests run at the same time. */
  parallel: number;
  onResult?: (result: TestResult) => void;
}

/** Runs the tests, each in a world of its own. */
export async function runTests(options: RunOptions): Promise<TestResult[]> {
  const results: TestResult[] = [];
  const waiting = [...options.tests];
  const worker = async (): Promise<void> => {
    for (let test = waiting.shift(); test; test = waiting.shift()) {
      const result = await runTest(options.adapter, test);
      results.push(result);
      options.onResult?.(result);
    }
  };
  await Promise.all(Array.from({ length: options.parallel }, worker));
  return results;
}

/** Optional features that the adapter declares: `adapter --features` prints their names. */
export function declaredFeatures(adapter: readonly string[]): Promise<Feature[]> {
  const [command = '', ...args] = adapter;
  const { promise, resolve, reject } = Promise.withResolvers<Feature[]>();
  execFile(command, [...args, '--features'], { timeout: FEATURES_DEADLINE_MS, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
    if (error) {
      reject(
        new Error(`"${command} --features" must print the optional features and exit 0: ${stderr.trim() || error.message}`, {
          cause: error,
        }),
      );
      return;
    }
    const names = stdout.split(/\s+/).filter(Boolean);
    const unknown = names.find((name) => !FEATURES.some((feature) => feature === name));
    if (unknown) reject(new Error(`"${command} --features" printed "${unknown}"; known are ${FEATURES.join(', ')}.`));
    else resolve(FEATURES.filter((feature) => names.includes(feature)));
  });
  return promise;
}

async function runTest(adapter: readonly string[], test: ConformanceTest): Promise<TestResult> {
  const begun = performance.now();
  const checked = new Set<string>();
  const findings: Finding[] = [];
  const note = (requirement: string, problem: string): void => {
    checked.add(requirement);
    findings.push({ requirement, problem });
  };
  const world = await createWorld(adapter, test.contract ?? {});
  const must = async (requirement: string, check: () => void | Promise<void>): Promise<void> => {
    if (!test.covers.includes(requirement)) throw new Error(`test "${test.name}" checks ${requirement} without covering it`);
    note(requirement, await problemOf(check));
  };
  const broken = await problemOf(() => deadline(test.run({ world, must })));
  const missing = test.covers.filter((requirement) => !checked.has(requirement));
  for (const requirement of missing) note(requirement, broken || 'was not checked');
  if (broken && missing.length === 0) note(test.covers[0] ?? LEFTOVERS, broken);
  const lastWords = world.logTail();
  const leftovers = await world.close();
  if (leftovers.length > 0)
    note(LEFTOVERS, `left running after SIGTERM: ${leftovers.map(({ pid, command }) => `${pid} (${command})`).join(', ')}`);
  const log = findings.some(({ problem }) => problem !== '') ? lastWords : '';
  return { name: test.name, findings, durationMs: performance.now() - begun, log };
}

/** What the function throws, as text; empty when it does not. */
async function problemOf(check: () => void | Promise<void>): Promise<string> {
  try {
    await check();
    return '';
  } catch (error) {
    return error instanceof Error ? error.message || error.name : String(error);
  }
}

async function deadline(work: Promise<void>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`the test took longer than ${TEST_DEADLINE_MS} ms`)), TEST_DEADLINE_MS);
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
