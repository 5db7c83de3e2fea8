import { freePort } from '../harness/ports.ts';
import { type BackEnds, startBackEnds } from './back-ends.ts';
import type { Case } from './cases.ts';
import { type Cores, shareCores } from './cores.ts';
import { applyLoad, warmUp } from './load.ts';
import { untilAnswering } from './probe.ts';
import { isInstalled, type Program, type Run } from './program.ts';
import type { Candidate } from './proxies.ts';
import type { Figures, Sample } from './report.ts';
import { usageOf } from './usage.ts';

export interface Measurement {
  cases: readonly Case[];
  proxies: readonly Candidate[];
  rounds: number;
  /** Of load before the figures are taken. */
  warmUpSeconds: number;
  /** Of load while they are taken: whole ones. */
  seconds: number;
  log: (line: string) => void;
}

export interface Measured {
  samples: Sample[];
  /** Why a proxy was not measured at all, by its name. */
  missing: Map<string, string>;
  /** What ran where. */
  cores: Cores;
}

/**
 * Measures each proxy in each case, one after the other, in each round in another order, every time in a fresh process of the proxy. A proxy that
 * fails is noted in its sample, and the run goes on.
 */
export async function measureProxies(run: Run, { cases, proxies, rounds, warmUpSeconds, seconds, log }: Measurement): Promise<Measured> {
  const cores = shareCores();
  const missing = new Map<string, string>();
  for (const { name, program } of proxies) {
    if (program !== undefined && !isInstalled(program)) missing.set(name, `${program} is not installed`);
  }
  const present = proxies.filter(({ name }) => !missing.has(name));
  const backEnds = await startBackEnds(run, cores.load);
  const samples: Sample[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      for (const [index, each] of cases.entries()) {
        for (const proxy of rotated(present, round + index)) {
          const figures = await measureOne(run, { proxy, each, backEnds, cores, warmUpSeconds, seconds });
          samples.push({ proxy: proxy.name, case: each.name, round, figures });
          log(`round ${round + 1} of ${rounds}, ${each.name}, ${proxy.about}: ${describe(figures)}`);
        }
      }
    }
  } finally {
    await backEnds.stop();
  }
  return { samples, missing, cores };
}

/** Seconds that a run takes about, with what starting and ending costs. */
export function estimatedSeconds({ cases, proxies, rounds, warmUpSeconds, seconds }: Omit<Measurement, 'log'>): number {
  const START_AND_END_SECONDS = 0.4;
  return Math.round(cases.length * proxies.length * rounds * (warmUpSeconds + seconds + START_AND_END_SECONDS));
}

interface One {
  proxy: Candidate;
  each: Case;
  backEnds: BackEnds;
  cores: Cores;
  warmUpSeconds: number;
  seconds: number;
}

async function measureOne(run: Run, { proxy, each, backEnds, cores, warmUpSeconds, seconds }: One): Promise<Figures | string> {
  const targetPort = backEnds.portFor(each);
  const port = proxy.start ? await freePort() : targetPort;
  let program: Program | undefined;
  try {
    program = await proxy.start?.(run, { port, targetPort, cores: cores.proxy(proxy.workers) });
    if (program) await untilAnswering(program, port, each);
    const load = { port, cores: cores.load };
    await warmUp(run, each, { ...load, seconds: warmUpSeconds });
    const before = program && usageOf(program.pid);
    const result = await applyLoad(run, each, { ...load, seconds });
    const after = program && usageOf(program.pid);
    if (program?.hasEnded()) return `ended under load: ${reasonIn(program.said())}`;
    if (result.requests === 0) return `answered nothing (${result.errors} errors)`;
    const { requestsPerSecond, p50Ms, p99Ms, errors } = result;
    const cpu = before && after && ((after.cpuSeconds - before.cpuSeconds) / result.requests) * 10_000;
    return {
      requestsPerSecond,
      p50Ms,
      p99Ms,
      errors,
      ...(cpu === undefined ? {} : { cpuPer10k: cpu }),
      ...(after ? { peakMb: after.peakMb } : {}),
    };
  } catch (error) {
    run.signal.throwIfAborted();
    return reasonIn((error as Error).message);
  } finally {
    await program?.stop();
  }
}

function rotated<T>(list: readonly T[], by: number): T[] {
  const at = by % Math.max(1, list.length);
  return [...list.slice(at), ...list.slice(0, at)];
}

/** The line that says most, of what a program wrote before it ended: with Node that is in the middle of a stack trace. */
function reasonIn(text: string): string {
  return text.split('\n').find((line) => /error|emerg|fail/i.test(line)) ?? text;
}

function describe(figures: Figures | string): string {
  if (typeof figures === 'string') return figures;
  return `${Math.round(figures.requestsPerSecond)} requests/s${figures.errors > 0 ? `, ${figures.errors} ERRORS` : ''}`;
}
