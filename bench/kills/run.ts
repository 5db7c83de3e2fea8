import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { atRest } from '../harness/at-rest.ts';
import { benchContract, benchRepo } from '../harness/bench-app.ts';
import { cleanUpOnce } from '../harness/cleanup.ts';
import { type Greenroom, prepareGreenroom, tail } from '../harness/greenroom.ts';
import { endLeftovers } from '../harness/leftovers.ts';
import { freePorts } from '../harness/ports.ts';
import { pidOfProxy } from '../harness/processes.ts';
import { startLoad } from '../load/load.ts';
import { killFamily } from '../proxy/program.ts';
import { familyOf } from '../proxy/usage.ts';
import { type FrontProxy, type RouterKind, startFrontProxy } from '../swap/proxy.ts';
import { answeredAgain, RECOVERY_LIMIT_MS } from './answered.ts';

/** What is killed with -9, at once. */
export const VICTIMS = {
  proxy: ['proxy'],
  orchestrator: ['orchestrator'],
  app: ['app'],
  'proxy + orchestrator': ['proxy', 'orchestrator'],
  'orchestrator + app': ['orchestrator', 'app'],
  all: ['proxy', 'orchestrator', 'app'],
} as const satisfies Record<string, readonly ('proxy' | 'orchestrator' | 'app')[]>;
export type Victim = keyof typeof VICTIMS;

export interface Kill {
  router: RouterKind;
  victim: Victim;
  round: number;
  /** From the kill to the end of the first right answer to a request that was sent after it, milliseconds. */
  answeredMs: number;
  /** From the kill until the orchestrator answers and says that the app is healthy and nothing is under way, milliseconds. */
  healthyMs: number;
  /** Requests that were sent, by clients that never try again, from the kill until half a second after the recovery. */
  requests: number;
  lost: number;
  /** Requests that a client lost although the service was there again. */
  lostLater: number;
}

export interface KillsOptions {
  routers: readonly RouterKind[];
  victims: readonly Victim[];
  rounds: number;
  log?: (line: string) => void;
}

/** One client of each kind: what is lost is what an outage of that length costs them, and what was in flight. */
const LOAD = { mix: { get: 2, 'get-new': 2, post: 1, 'post-new': 1 }, pause_ms: 10, timeout_ms: 10_000 } as const;
/** After the first right answer: what breaks now broke again. */
const CALM_MS = 500;

/** Kills what serves under load, in turn and together. Everything it starts is gone when it answers. Throws when something does not come back. */
export async function runKills({ routers, victims, rounds, log = () => undefined }: KillsOptions): Promise<Kill[]> {
  const kills: Kill[] = [];
  for (const router of routers) {
    for (const victim of victims) {
      log(`${router}: ${rounds} × kill -9 of ${victim}`);
      // Each with an app of its own: one that was killed before is started again later, as one that crashes would be.
      for (let round = 0; round < rounds; round++)
        kills.push({ router, victim, round, ...(await withRig(router, (rig) => killOnce(rig, victim))) });
    }
  }
  return kills;
}

interface Rig {
  greenroom: Greenroom;
  proxy: FrontProxy;
  router: RouterKind;
  url: string;
  commit: string;
}

async function withRig<T>(router: RouterKind, work: (rig: Rig) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'greenroom-kills-'));
  let greenroom: Greenroom | undefined;
  let proxy: FrontProxy | undefined;
  const cleanUp = cleanUpOnce(async () => {
    await greenroom?.stop();
    await proxy?.stop();
    await endLeftovers(root);
    rmSync(root, { recursive: true, force: true });
  });
  try {
    const repo = join(root, 'repo');
    const [commit = ''] = benchRepo(repo, 1);
    const [port, internalPort, apiPort] = await freePorts(3);
    proxy = await startFrontProxy(router, 'socket', root);
    const contract = benchContract(port ?? 0, internalPort ?? 0, { watch_ms: 0, ...proxy.contract });
    greenroom = prepareGreenroom({ root, contract, repo, apiPort: apiPort ?? 0 });
    await greenroom.start();
    const answer = await greenroom.client.deploy({ commit });
    if (!answer.success) throw new Error(`the deploy was refused: ${answer.error}\n${tail(greenroom.logFile)}`);
    await atRest(greenroom);
    return await work({ greenroom, proxy, router, url: `http://127.0.0.1:${port}/`, commit });
  } finally {
    await cleanUp();
  }
}

async function killOnce(rig: Rig, victim: Victim): Promise<Omit<Kill, 'router' | 'victim' | 'round'>> {
  const targets: readonly string[] = VICTIMS[victim];
  const app = targets.includes('app') ? familyOf(await pidOfLive(rig.greenroom)) : [];
  const embedded = targets.includes('proxy') && rig.router === 'embedded' ? await pidOfProxy(rig.greenroom.home) : 0;
  const load = startLoad({ url: rig.url.slice(0, -1), ...LOAD });
  try {
    await delay(CALM_MS);
    const before = load.snapshot();
    if (before.failed > 0) throw new Error(`requests failed before the kill: ${JSON.stringify(before.failures)}`);

    const began = performance.now();
    const ended: Promise<void>[] = [];
    // The orchestrator first: it would otherwise be at the repair of the rest before its own end.
    if (targets.includes('orchestrator')) ended.push(rig.greenroom.kill());
    if (embedded > 0) killFamily(embedded);
    else if (targets.includes('proxy')) ended.push(rig.proxy.kill());
    for (const pid of app) killFamily(pid);
    await Promise.all(ended);
    if (targets.includes('proxy')) rig.proxy.revive();
    const back = targets.includes('orchestrator') ? rig.greenroom.start() : Promise.resolve(0);

    const [answeredMs, healthyMs] = await Promise.all([
      answeredAgain({ url: rig.url, commit: rig.commit, began }),
      back.then(() => healthy(rig, began)),
    ]);
    const recovered = load.snapshot();
    await delay(CALM_MS);
    const after = await load.stop();
    return {
      answeredMs,
      healthyMs,
      requests: after.ok + after.failed - before.ok,
      lost: recovered.failed,
      lostLater: after.failed - recovered.failed,
    };
  } finally {
    await load.stop();
  }
}

async function pidOfLive({ client }: Greenroom): Promise<number> {
  const live = (await client.status()).slots.find((slot) => slot.role === 'live');
  if (!live?.pid) throw new Error('nothing is live');
  return live.pid;
}

/** Not by what is written down: an instance that was killed a moment ago is shown as live until its end was seen, but is not healthy. */
async function healthy({ greenroom }: Rig, began: number): Promise<number> {
  await atRest(greenroom, RECOVERY_LIMIT_MS);
  return performance.now() - began;
}
