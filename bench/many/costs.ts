import { setTimeout as delay } from 'node:timers/promises';
import { cpuSecondsOf, MEMORY_MEASURES, type Memory, memoryOf, pidOfProxy } from '../harness/processes.ts';
import { familyOf } from '../proxy/usage.ts';
import type { Machine, ManyApp } from './machine.ts';

/** What something costs while nobody asks for anything. */
export interface Cost {
  memory: Memory;
  /** Per cent of one core. */
  cpuPercent: number;
}

export interface Costs {
  /** One of each app. */
  orchestrators: Cost[];
  apps: Cost[];
  proxy: Cost;
}

/** Memory, and the processor time over so long, of all that runs. */
export async function measureCosts({ home, apps }: Machine, idleMs: number): Promise<Costs> {
  const orchestrators = apps.map(({ greenroom }) => [greenroom.pid()]);
  const instances = await Promise.all(apps.map(async (app) => familyOf(await pidOfLive(app))));
  const groups = [...orchestrators, ...instances, familyOf(await pidOfProxy(home))];
  const began = performance.now();
  const before = groups.map(cpuSeconds);
  await delay(idleMs);
  const seconds = (performance.now() - began) / 1_000;
  const costs = groups.map((group, index): Cost => {
    return { memory: memory(group), cpuPercent: (100 * (cpuSeconds(group) - (before[index] ?? 0))) / seconds };
  });
  const proxy = costs.pop();
  if (!proxy) throw new Error('no proxy was measured');
  return { orchestrators: costs.slice(0, apps.length), apps: costs.slice(apps.length), proxy };
}

async function pidOfLive({ name, greenroom }: ManyApp): Promise<number> {
  const { slots } = await greenroom.client.status();
  const live = slots.find((slot) => slot.role === 'live');
  if (!live?.pid) throw new Error(`nothing is live of ${name}`);
  return live.pid;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const cpuSeconds = (pids: readonly number[]): number => sum(pids.map(cpuSecondsOf));

function memory(pids: readonly number[]): Memory {
  const each = pids.map(memoryOf);
  const [RSS, PSS] = MEMORY_MEASURES.map((measure) => sum(each.map((one) => one[measure])));
  return { RSS: RSS ?? 0, PSS: PSS ?? 0 };
}
