import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { benchRepo } from '../harness/bench-app.ts';
import { MEMORY_MEASURES, type Memory, memoryOf, pidOfProxy } from '../harness/processes.ts';
import type { Row } from './table.ts';
import { type Bench, withGreenroom } from './with-greenroom.ts';

/** Memory is looked at after this much rest: what a garbage collection would give back is Node's to keep, and is counted. */
const REST_MS = 2_000;
const SAMPLES = 5;
const SAMPLE_PAUSE_MS = 200;

/** Memory of orchestrator and proxy, idle and after many swaps, beside a Node process that does nothing but serve HTTP. */
export async function measureMemory({ swaps, log }: { swaps: number; log: (line: string) => void }): Promise<Row[]> {
  let commits: string[] = [];
  const makeRepo = (directory: string): void => {
    commits = benchRepo(directory, Math.ceil(swaps / 2) + 1);
  };
  return await withGreenroom({}, makeRepo, async (bench) => {
    const bare = await bareServer();
    await bench.deploy(commits[0] ?? '');
    const idle = await sample(bench);
    for (const commit of commits.slice(1)) {
      await bench.deploy(commit);
      await bench.rollback();
    }
    log(`  ${swaps} swaps: done`);
    const used = await sample(bench);
    return MEMORY_MEASURES.flatMap((measure) => {
      const row = (what: string, measured: Memory[]): Row => ({
        what: `${what}, ${measure}`,
        unit: 'MB',
        measured: measured.map((memory) => memory[measure]),
        floor: { what: 'a bare Node HTTP server', values: bare.map((memory) => memory[measure]) },
      });
      return [
        row('orchestrator, idle', idle.orchestrator),
        row(`orchestrator after ${swaps} swaps`, used.orchestrator),
        row('proxy, idle', idle.proxy),
        row(`proxy after ${swaps} swaps`, used.proxy),
      ];
    });
  });
}

async function sample({ greenroom }: Bench): Promise<{ orchestrator: Memory[]; proxy: Memory[] }> {
  const proxyPid = await pidOfProxy(greenroom.home);
  const found: { orchestrator: Memory[]; proxy: Memory[] } = { orchestrator: [], proxy: [] };
  await delay(REST_MS);
  for (let index = 0; index < SAMPLES; index++) {
    found.orchestrator.push(memoryOf(greenroom.pid()));
    found.proxy.push(memoryOf(proxyPid));
    await delay(SAMPLE_PAUSE_MS);
  }
  return found;
}

async function bareServer(): Promise<Memory[]> {
  const code = "require('node:http').createServer((_, answer) => answer.end('ok')).listen(0, '127.0.0.1', () => console.log('ready'))";
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  try {
    await once(child.stdout, 'data');
    await delay(REST_MS);
    return [memoryOf(child.pid ?? 0)];
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
}
