import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DeploySuccess, DryRun, Refusal, RollbackSuccess } from '../../packages/sdk/src/wire.ts';
import { atRest } from '../harness/at-rest.ts';
import { benchContract, benchRepo } from '../harness/bench-app.ts';
import { cleanUpOnce } from '../harness/cleanup.ts';
import { type Greenroom, prepareGreenroom, tail } from '../harness/greenroom.ts';
import { endLeftovers } from '../harness/leftovers.ts';
import { freePorts } from '../harness/ports.ts';
import { seededRandom } from '../harness/stats.ts';
import { type Load, type LoadOptions, startLoad } from '../load/load.ts';
import { type FrontProxy, type RouterKind, startFrontProxy, type Upstream } from './proxy.ts';
import { type SwapReport, summary } from './report.ts';

export interface SwapOptions {
  /** Deploys and rollbacks together, after the first deploy. */
  swaps: number;
  /** kill -9 the orchestrator between and inside them. */
  kill?: boolean;
  /** Keep a warm standby. */
  standby?: boolean;
  seed?: number;
  /** What leads to the app, and how; the embedded proxy when left out. */
  router?: { kind: RouterKind; upstream: Upstream };
  mix?: LoadOptions['mix'];
  /** Told what happens, a line at a time. */
  log?: (line: string) => void;
}

const MIX: LoadOptions['mix'] = { get: 4, 'get-new': 2, post: 2, 'post-new': 1, slow: 3, sse: 2, ws: 2 };
const PAUSE_MS = 10;
const STANDBY_MS = 600_000;
/** The same few in turn: a deploy on a deploy, a rollback after one and after two. */
const PATTERN = ['deploy', 'rollback', 'deploy', 'deploy', 'rollback'] as const;
type Kind = (typeof PATTERN)[number];
/** A kill inside an attempt, or inside the drain that follows it, comes at a random moment up to this. */
const KILL_WITHIN_MS = 600;
const KILL_IN_DRAIN_WITHIN_MS = 2_000;
const SETTLE_LIMIT_MS = 30_000;
const PROGRESS_EVERY = 25;

/** Deploys and rolls back a small app under load and reports what the load saw. Everything it starts is gone when it answers. */
export async function runSwaps(options: SwapOptions): Promise<SwapReport> {
  const root = mkdtempSync(join(tmpdir(), 'greenroom-swap-'));
  let greenroom: Greenroom | undefined;
  let load: Load | undefined;
  let proxy: FrontProxy | undefined;
  const cleanUp = cleanUpOnce(async () => {
    await load?.stop();
    await greenroom?.stop();
    await proxy?.stop();
    await endLeftovers(root);
    rmSync(root, { recursive: true, force: true });
  });
  try {
    const commits = benchRepo(join(root, 'repo'), options.swaps + 1);
    const [port, internalPort, apiPort] = (await freePorts(3)) as [number, number, number];
    const { kind = 'embedded', upstream = 'socket' } = options.router ?? {};
    proxy = await startFrontProxy(kind, upstream, root);
    const contract = benchContract(port, internalPort, { standby_ms: options.standby ? STANDBY_MS : 0, ...proxy.contract });
    greenroom = prepareGreenroom({ root, contract, repo: join(root, 'repo'), apiPort });
    await greenroom.start();
    const first = await greenroom.client.deploy({ commit: commits[0] ?? '' });
    if (!first.success) throw new Error(`the first deploy was refused: ${first.error}\n${tail(greenroom.logFile)}`);
    load = startLoad({ url: `http://127.0.0.1:${port}`, mix: options.mix ?? MIX, pause_ms: PAUSE_MS });
    load.expect(commits[0] ?? '');
    return await swapAll(options, commits, greenroom, proxy, load, root);
  } finally {
    await cleanUp();
  }
}

interface Run {
  greenroom: Greenroom;
  load: Load;
  random: () => number;
  commits: string[];
  took: Record<Kind, number[]>;
  count: Record<Kind, number>;
  kills: number;
  problems: string[];
}

async function swapAll(
  options: SwapOptions,
  commits: string[],
  greenroom: Greenroom,
  proxy: FrontProxy,
  load: Load,
  root: string,
): Promise<SwapReport> {
  const seed = options.seed ?? Math.floor(Math.random() * 1e9);
  const log = options.log ?? (() => undefined);
  const run: Run = {
    greenroom,
    load,
    random: seededRandom(seed),
    commits: commits.slice(1),
    took: { deploy: [], rollback: [] },
    count: { deploy: 0, rollback: 0 },
    kills: 0,
    problems: [],
  };
  for (let index = 0; index < options.swaps; index++) {
    const wanted = PATTERN[index % PATTERN.length] ?? 'deploy';
    if (options.kill) await swapWithKill(run, wanted);
    else await swap(run, wanted);
    const now = load.snapshot();
    if ((index + 1) % PROGRESS_EVERY === 0) log(`${index + 1} of ${options.swaps} swaps, ${now.ok} requests right, ${now.failed} failed`);
    if (now.failed > 0 && run.problems.length === 0) run.problems.push(`requests failed first at swap ${index + 1} (${wanted})`);
  }
  await atRest(run.greenroom, SETTLE_LIMIT_MS);
  const finished = await load.stop();
  const verify = await greenroom.cli(['log', '--verify']);
  if (verify.code !== 0) run.problems.push(`"greenroom log --verify" exited with ${verify.code}: ${verify.output.trim()}`);
  const stopped = await greenroom.stop();
  if (stopped !== 0) run.problems.push(`the orchestrator exited with ${stopped} on SIGTERM:\n${tail(greenroom.logFile)}`);
  await proxy.stop();
  const leaked = await endLeftovers(root);
  if (leaked.length > 0) run.problems.push(`processes were left running after the stop: ${leaked.join('; ')}`);
  return {
    ok: finished.failed === 0 && finished.stale === 0 && run.problems.length === 0,
    seed,
    deploys: run.count.deploy,
    rollbacks: run.count.rollback,
    kills: run.kills,
    deploy_ms: summary(run.took.deploy),
    rollback_ms: summary(run.took.rollback),
    load: finished,
    journal_intact: verify.code === 0,
    problems: run.problems,
  };
}

/** One undisturbed deploy or rollback. The old instance is given time to retire first, so that only the swap itself is timed. */
async function swap(run: Run, kind: Kind): Promise<void> {
  await atRest(run.greenroom, SETTLE_LIMIT_MS);
  run.load.expect('');
  const answer = await request(run, kind);
  if (answer.success) run.load.expect(answer.commit);
  else run.problems.push(`a ${kind} was refused at ${answer.step ?? 'the request'} with ${answer.code}: ${answer.error}`);
}

/** A deploy or rollback with a kill before, inside or after it, and now and then one more while it starts again. */
async function swapWithKill(run: Run, wanted: Kind): Promise<void> {
  const before = await run.greenroom.client.status();
  const kind = before.previous_commit === '' ? 'deploy' : wanted;
  const when = run.random();
  run.load.expect('');
  if (when < 0.2) {
    await killAndStart(run);
    await atRest(run.greenroom, SETTLE_LIMIT_MS);
    const answer = await request(run, kind);
    if (!answer.success && answer.code !== 'no_previous_release')
      run.problems.push(`after a kill a ${kind} was refused with ${answer.code}: ${answer.error}`);
  } else if (when < 0.8) {
    const asked = request(run, kind).catch((error: unknown) => ({ success: false as const, code: 'killed', error: String(error) }));
    await delay(run.random() * KILL_WITHIN_MS);
    await killAndStart(run);
    await asked;
  } else {
    const answer = await request(run, kind);
    if (!answer.success) run.problems.push(`a ${kind} was refused with ${answer.code}: ${answer.error}`);
    await delay(run.random() * KILL_IN_DRAIN_WITHIN_MS);
    await killAndStart(run);
  }
  const status = await atRest(run.greenroom, SETTLE_LIMIT_MS);
  run.load.expect(status.live_commit);
}

async function killAndStart(run: Run): Promise<void> {
  await run.greenroom.kill();
  run.kills++;
  if (run.random() < 0.15) {
    const starting = run.greenroom.start().catch(() => 0);
    await delay(run.random() * 400);
    await run.greenroom.kill();
    await starting;
    run.kills++;
  }
  await run.greenroom.start();
}

async function request(run: Run, kind: Kind): Promise<DeploySuccess | RollbackSuccess | DryRun | Refusal> {
  run.count[kind]++;
  const { client } = run.greenroom;
  const began = performance.now();
  const answer =
    kind === 'rollback' ? await client.rollback({ reason: 'bench' }) : await client.deploy({ commit: run.commits.shift() ?? '' });
  if (answer.success) run.took[kind].push(performance.now() - began);
  return answer;
}
