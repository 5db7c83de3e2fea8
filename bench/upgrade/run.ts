import { setTimeout as delay } from 'node:timers/promises';
import type { ChatEvent } from '../../packages/sdk/src/chat.ts';
import type { DemoChat } from '../../scripts/demo/chat.ts';
import type { LoadReport } from '../load/tally.ts';
import { type OrchestratorUpgrade, type Round, upgradeAt } from './orchestrator.ts';
import { upgradeProxy } from './proxy.ts';
import { type UpgradeRig, withUpgradeRig } from './rig.ts';
import { watchEvents } from './watch.ts';

export interface UpgradesOptions {
  orchestrator: readonly Round[];
  /** Upgrades of the proxy, and the workers that it has in them. */
  proxy: readonly { upgrades: number; workers: number }[];
  log?: (line: string) => void;
}

/** Upgrades of one kind, with all that visitors saw meanwhile. */
export interface Series {
  what: string;
  upgrades: number;
  load: LoadReport;
  /** Of the command, from its start to its end, for each upgrade; the orchestrator's say how long nobody answered. */
  tookMs: number[];
}

export interface UpgradesReport {
  orchestrator: OrchestratorUpgrade[];
  series: Series[];
  /** Of the chat, on one stream. */
  chatEvents: number;
  /** What should not have happened, in sentences. Failed requests are not among them. */
  problems: string[];
}

/** Between an upgrade and the next: what it breaks late shows. */
const CALM_MS = 300;
/** For the chat's last words to come on a stream that is read anew. */
const REREAD_MS = 20_000;

/** Upgrades orchestrator and proxy of one app under load, with the agent at work and the chat open. Everything it starts is gone when it answers. */
export function runUpgrades({ orchestrator, proxy, log = () => undefined }: UpgradesOptions): Promise<UpgradesReport> {
  return withUpgradeRig(async (rig) => {
    const watch = watchEvents(rig.greenroom);
    const chat = openChat(rig.chat);
    const report: UpgradesReport = { orchestrator: [], series: [], chatEvents: 0, problems: [] };
    const series = async (what: string, upgrades: number, upgrade: (index: number) => Promise<number>): Promise<void> => {
      if (upgrades > 0) report.series.push(await underLoad(rig, what, upgrades, upgrade));
    };
    await series('the orchestrator', orchestrator.length, async (index) => {
      const round = orchestrator[index] as Round;
      log(`orchestrator: an upgrade at "${round.moment}"${round.now ? ' that waits for nothing' : ''}`);
      const done = await upgradeAt(rig, watch, round, index);
      report.orchestrator.push(done);
      return done.awayMs;
    });
    for (const { upgrades, workers } of proxy) {
      log(`proxy: ${upgrades} upgrades with workers: ${workers}`);
      await series(`the proxy, workers: ${workers}`, upgrades, () => upgradeProxy(rig.greenroom, workers));
    }
    const missed = await watch.end();
    if (missed.length > 0) report.problems.push(`events of the orchestrator that came twice or after a gap: ${missed}`);
    const { events, problem } = await chat.end();
    report.chatEvents = events.length;
    if (problem) report.problems.push(problem);
    const verify = await rig.greenroom.cli(['log', '--verify']);
    if (verify.code !== 0) report.problems.push(`the journal is not intact: ${verify.output}`);
    return report;
  });
}

async function underLoad(rig: UpgradeRig, what: string, upgrades: number, upgrade: (index: number) => Promise<number>): Promise<Series> {
  const load = rig.load();
  const tookMs: number[] = [];
  try {
    for (let index = 0; index < upgrades; index += 1) {
      await delay(CALM_MS);
      tookMs.push(await upgrade(index));
    }
    await delay(CALM_MS);
  } finally {
    await load.stop();
  }
  return { what, upgrades, tookMs, load: await load.stop() };
}

/** The whole conversation on one stream, to be held beside what a stream says that is opened only at the end. */
function openChat(chat: DemoChat): { end(): Promise<{ events: ChatEvent[]; problem: string }> } {
  const following = new AbortController();
  const events: ChatEvent[] = [];
  const broken = chat
    .follow((event) => void events.push(event), following.signal)
    .then(
      () => '',
      (error: Error) => error.message,
    );
  return {
    async end() {
      const last = events.at(-1)?.seq ?? 0;
      const again: ChatEvent[] = [];
      const enough = new AbortController();
      await chat.follow(
        (event) => {
          again.push(event);
          if (event.seq >= last) enough.abort();
        },
        AbortSignal.any([AbortSignal.timeout(REREAD_MS), enough.signal]),
      );
      following.abort();
      const problem = await broken;
      const seqs = (of: readonly ChatEvent[]): string => of.map(({ seq }) => seq).join();
      const whole = seqs(events) === seqs(again) && new Set(events.map(({ seq }) => seq)).size === events.length;
      return { events, problem: problem || (whole ? '' : `the chat said ${seqs(events)} instead of ${seqs(again)}`) };
    },
  };
}
