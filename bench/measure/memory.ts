import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { benchRepo } from '../harness/bench-app.ts';
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
    const floor = { what: 'a bare Node HTTP server', values: await bareServer() };
    await bench.deploy(commits[0] ?? '');
    const idle = await sample(bench);
    for (const commit of commits.slice(1)) {
      await bench.deploy(commit);
      await bench.rollback();
    }
    log(`  ${swaps} swaps: done`);
    const used = await sample(bench);
    const row = (what: string, measured: number[]): Row => ({ what: `${what}, ${MEASURE}`, unit: 'MB', measured, floor });
    return [
      row('orchestrator, idle', idle.orchestrator),
      row(`orchestrator after ${swaps} swaps`, used.orchestrator),
      row('proxy, idle', idle.proxy),
      row(`proxy after ${swaps} swaps`, used.proxy),
    ];
  });
}

const MEASURE = existsSync('/proc/self/smaps_rollup') ? 'PSS' : 'RSS';

async function sample({ greenroom }: Bench): Promise<{ orchestrator: number[]; proxy: number[] }> {
  const proxyPid = await pidOfProxy(join(greenroom.home, 'proxy', 'proxy.sock'));
  const found: { orchestrator: number[]; proxy: number[] } = { orchestrator: [], proxy: [] };
  await delay(REST_MS);
  for (let index = 0; index < SAMPLES; index++) {
    found.orchestrator.push(memoryOf(greenroom.pid()));
    found.proxy.push(memoryOf(proxyPid));
    await delay(SAMPLE_PAUSE_MS);
  }
  return found;
}

/** Megabytes. PSS shares the pages of the Node binary between the processes that map it; RSS counts them in each. */
function memoryOf(pid: number): number {
  const [file, field] = MEASURE === 'PSS' ? ['smaps_rollup', /^Pss:\s+(\d+) kB/m] : (['status', /^VmRSS:\s+(\d+) kB/m] as const);
  const found = (field as RegExp).exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1];
  if (found === undefined) throw new Error(`no memory figure for process ${pid}`);
  return Number(found) / 1024;
}

async function bareServer(): Promise<number[]> {
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

function pidOfProxy(socketPath: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/' }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => resolve((JSON.parse(Buffer.concat(chunks).toString()) as { pid: number }).pid));
    });
    asked.once('error', reject);
    asked.end();
  });
}
