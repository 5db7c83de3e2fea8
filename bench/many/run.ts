import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { atRest } from '../harness/at-rest.ts';
import { cleanUpOnce } from '../harness/cleanup.ts';
import { endLeftovers } from '../harness/leftovers.ts';
import { pidOfProxy } from '../harness/processes.ts';
import { answeredAgain } from '../kills/answered.ts';
import { startLoad } from '../load/load.ts';
import type { LoadReport } from '../load/tally.ts';
import { killFamily } from '../proxy/program.ts';
import { measureCosts } from './costs.ts';
import { deploy, FEWEST_APPS, type Machine, type ManyApp, prepareMachine, ROLES } from './machine.ts';
import type { ManyReport, Swap } from './report.ts';

export interface ManyOptions {
  /** At least `FEWEST_APPS`. */
  apps: number;
  /** Of one app alone, beside the others, and beside the others and two broken ones: so many each time. */
  swaps: number;
  /** How long processor time is measured at rest, in milliseconds. */
  idleMs: number;
  /** Before that: what was started settles. */
  restMs: number;
  log?: (line: string) => void;
}

/** Light: what is measured is the machine with many apps, not the proxy. Of each app one keeps its connection and one opens a new one each time. */
const LOAD = { mix: { get: 1, 'get-new': 1 }, pause_ms: 500 } as const;
const CRASHES_WANTED = 2;
const CRASH_LIMIT_MS = 30_000;
const TRUTH_LIMIT_MS = 10_000;
const LOOK_PAUSE_MS = 20;

/** Runs many apps, breaks two, and reports what that costs the others. Everything it starts is gone when it answers. */
export async function runMany(options: ManyOptions): Promise<ManyReport> {
  if (options.apps < FEWEST_APPS) throw new Error(`runMany: ${FEWEST_APPS} apps have a part of their own, ${options.apps} are too few`);
  const root = mkdtempSync(join(tmpdir(), 'greenroom-many-'));
  let machine: Machine | undefined;
  const cleanUp = cleanUpOnce(async () => {
    // Some were started by the command line: it knows those, too.
    await machine?.command(['stop', '--all']);
    await endLeftovers(root);
    rmSync(root, { recursive: true, force: true });
  });
  try {
    machine = await prepareMachine(root, options.apps, 3 * options.swaps + 2);
    return await measure(options, machine, root);
  } finally {
    await cleanUp();
  }
}

async function measure(
  { apps: count, swaps, idleMs, restMs, log = () => undefined }: ManyOptions,
  machine: Machine,
  root: string,
): Promise<ManyReport> {
  const { apps, commits } = machine;
  const [swapping, crashing, bad] = [appOf(apps, ROLES.swaps), appOf(apps, ROLES.crashes), appOf(apps, ROLES.badContract)];
  const waiting = commits.slice(1);
  const swapSome = (): Promise<Swap[]> => timeSwaps(swapping, waiting.splice(0, swaps));
  const problems: string[] = [];

  log(`${swaps} swaps of one app alone`);
  await machine.start([swapping], commits[0] ?? '');
  const alone = await underLoad([swapping], swapSome);

  log(`starting ${count - 1} more`);
  const began = performance.now();
  await machine.start(apps.slice(1), commits.at(-1) ?? '');
  const startMs = performance.now() - began;
  await delay(restMs);
  log(`memory, and the processor over ${idleMs / 1_000} s`);
  const costs = await measureCosts(machine, idleMs);

  log(`${swaps} swaps of one app while all serve`);
  const beside = await underLoad(apps, swapSome);

  log('kill -9 of the proxy');
  const recovered = await killProxy(machine);

  log('one app in a crash loop, one with a bad contract');
  const whole = apps.filter((app) => app !== crashing && app !== bad);
  const broken = await underLoad(whole, async () => {
    await deploy(crashing, machine.crashing.commit);
    await untilCrashLoop(crashing);
    problems.push(...(await refuseBadContract(machine, bad)));
    return await swapSome();
  });
  const expected = (name: string): string[] => {
    if (name === bad.name) return ['stopped'];
    // It crashes, is started again, and crashes: both are true, each in its turn.
    return name === crashing.name ? ['live', 'unhealthy'] : ['live'];
  };
  problems.push(...(await untruths(machine, 'with two broken', expected)));

  log('stop --all and start --all');
  const stop = await timedCommand(machine, ['stop', '--all'], 0, problems);
  problems.push(...(await untruths(machine, 'after "stop --all"', () => ['stopped'])));
  // One has a contract that is refused: the others start, and the command says so by its exit code.
  const start = await timedCommand(machine, ['start', '--all'], 1, problems);
  problems.push(...(await untruths(machine, 'after "start --all"', expected)));
  await timedCommand(machine, ['stop', '--all'], 0, problems);
  problems.push(...(await endLeftovers(root)).map((process) => `left running after "stop --all": ${process}`));

  for (const [when, { load }] of Object.entries({ alone, beside, broken })) {
    if (load.failed > 0) problems.push(`${load.failed} requests failed (${when}): ${JSON.stringify(load.failures.slice(0, 3))}`);
    if (load.ok === 0) problems.push(`no request was answered (${when})`);
  }
  return {
    ok: problems.length === 0,
    apps: count,
    startMs,
    costs,
    alone,
    beside,
    broken,
    recovered,
    stopAllMs: stop,
    startAllMs: start,
    problems,
  };
}

function appOf(apps: readonly ManyApp[], index: number): ManyApp {
  const app = apps[index];
  if (!app) throw new Error(`no app ${index}`);
  return app;
}

async function underLoad(apps: readonly ManyApp[], work: () => Promise<Swap[]>): Promise<{ swaps: Swap[]; load: LoadReport }> {
  const load = startLoad({ url: apps.map((app) => app.url), ...LOAD });
  try {
    return { swaps: await work(), load: await load.stop() };
  } finally {
    await load.stop();
  }
}

/** All orchestrators see it at once. Answers when each app answered again after the kill, in milliseconds. */
async function killProxy({ home, apps }: Machine): Promise<number[]> {
  const pid = await pidOfProxy(home);
  const live = await Promise.all(apps.map(async ({ greenroom }) => (await greenroom.client.status()).live_commit));
  const began = performance.now();
  killFamily(pid);
  return await Promise.all(apps.map(({ url }, index) => answeredAgain({ url, commit: live[index] ?? '', began })));
}

async function timeSwaps(app: ManyApp, commits: readonly string[]): Promise<Swap[]> {
  const swaps: Swap[] = [];
  for (const commit of commits) {
    await atRest(app.greenroom);
    const began = performance.now();
    const id = await deploy(app, commit);
    const deployMs = performance.now() - began;
    const attempt = await app.greenroom.client.attempt(id);
    swaps.push({ deployMs, promoteMs: attempt?.steps.find((step) => step.step === 'promote')?.duration_ms ?? Number.NaN });
  }
  return swaps;
}

async function untilCrashLoop({ name, greenroom }: ManyApp): Promise<void> {
  const deadline = performance.now() + CRASH_LIMIT_MS;
  for (;;) {
    const { restart } = await greenroom.client.status();
    if ((restart?.attempt ?? 0) >= CRASHES_WANTED) return;
    if (performance.now() > deadline) throw new Error(`${name} did not crash ${CRASHES_WANTED} times within ${CRASH_LIMIT_MS} ms`);
    await delay(LOOK_PAUSE_MS);
  }
}

/** Stops the app, breaks its contract, and starts it: that has to be refused with a sentence that names the field. */
async function refuseBadContract(machine: Machine, { name, greenroom }: ManyApp): Promise<string[]> {
  await greenroom.stop();
  writeFileSync(greenroom.contractFile, JSON.stringify({ start_command: 'node server.cjs', port: 'eighty', health_endpoint: '/healthz' }));
  const { code, output } = await machine.command(['start', '--app', name]);
  return code === 1 && /port/.test(output) && /eighty/.test(output)
    ? []
    : [`a start with a bad contract exited with ${code} and said: ${output}`];
}

/** What `greenroom apps` says of each app, where it is still something else after a while: an instance that was just started may not be probed yet. */
async function untruths(machine: Machine, when: string, expected: (name: string) => readonly string[]): Promise<string[]> {
  const deadline = performance.now() + TRUTH_LIMIT_MS;
  for (;;) {
    const found = await untruthsNow(machine, expected);
    if (found.length === 0 || performance.now() > deadline) return found.map((untruth) => `${when}, ${untruth}`);
    await delay(LOOK_PAUSE_MS);
  }
}

async function untruthsNow(machine: Machine, expected: (name: string) => readonly string[]): Promise<string[]> {
  const { code, output } = await machine.command(['apps', '--json']);
  if (code !== 0) return [`"greenroom apps" exited with ${code}: ${output}`];
  const { apps } = JSON.parse(output) as { apps: { name: string; state: string; note: string }[] };
  const missing = machine.apps
    .filter(({ name }) => !apps.some((app) => app.name === name))
    .map(({ name }) => `"greenroom apps" lacks ${name}`);
  const wrong = apps
    .filter(({ name, state }) => !expected(name).includes(state))
    .map(({ name, state, note }) => `"greenroom apps" says that ${name} is ${state} ${note}, not ${expected(name).join(' or ')}`);
  return [...missing, ...wrong];
}

async function timedCommand(machine: Machine, args: readonly string[], wanted: number, problems: string[]): Promise<number> {
  const began = performance.now();
  const { code, output } = await machine.command(args);
  if (code !== wanted) problems.push(`"greenroom ${args.join(' ')}" exited with ${code}, not ${wanted}: ${output}`);
  return performance.now() - began;
}
