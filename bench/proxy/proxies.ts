import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { callProxy } from '../../packages/greenroom/src/orchestrator/adapters/router/proxy-client.ts';
import { PROXY_NODE_OPTIONS, proxyEnvironment } from '../../packages/greenroom/src/orchestrator/adapters/router/proxy-process.ts';
import type { ProxyAppBody, ProxyTarget } from '../../packages/sdk/src/proxy.ts';
import { reverseProxy, startNginx } from './nginx.ts';
import { type Program, programFile, type Run, startProgram } from './program.ts';

/** One row of the tables. */
export interface Candidate {
  name: string;
  about: string;
  /** How many cores it gets. */
  workers: number;
  /** The program that it needs, when that is not Node. */
  program?: string;
  /** The name of the row that it is compared with in the summary; absent for rows that are only there to compare with. */
  peer?: string;
  /** Starts it; it may still need a moment before it answers. Absent for the row without a proxy. */
  start?: (run: Run, place: Place) => Program | Promise<Program>;
}

export interface Place {
  port: number;
  targetPort: number;
  cores: readonly number[];
}

/** Every row's figures are divided by this one's. */
export const REFERENCE = 'nginx';

/** The rows, `many` being the number of workers of those that have more than one; 1 leaves them out. */
export function proxiesWith(many: number): Candidate[] {
  const nginxMany = `${REFERENCE}-${many}`;
  const single: Candidate[] = [
    { name: 'direct', about: 'no proxy', workers: 1 },
    nginx(REFERENCE, 1),
    ours('ours', 1, REFERENCE),
    { name: 'caddy', about: 'Caddy', workers: 1, program: 'caddy', start: startCaddy },
    { name: 'node', about: 'plain node:http proxy', workers: 1, start: startPlain },
  ];
  return many === 1 ? single : [...single, nginx(nginxMany, many), ours(`ours-${many}`, many, nginxMany)];
}

const workersOf = (count: number): string => `${count} worker${count === 1 ? '' : 's'}`;

function nginx(name: string, workers: number): Candidate {
  return {
    name,
    about: `nginx, ${workersOf(workers)}`,
    workers,
    program: 'nginx',
    start: (run, { port, targetPort, cores }) => startNginx(run, { workers, cores, http: reverseProxy(port, targetPort, workers) }),
  };
}

function startPlain(run: Run, { port, targetPort, cores }: Place): Program {
  return startProgram(run, [process.execPath, programFile('plain-proxy.ts'), String(port), String(targetPort)], { cores });
}

/** Defaults, but for what would reach outside of the run's folder. */
function startCaddy(run: Run, { port, targetPort, cores }: Place): Program {
  const file = join(run.root, `Caddyfile-${port}`);
  writeFileSync(
    file,
    `{
  admin off
  auto_https off
}
http://:${port} {
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:${targetPort}
}
`,
  );
  const env = { HOME: run.root, XDG_DATA_HOME: run.root, XDG_CONFIG_HOME: run.root };
  return startProgram(run, ['caddy', 'run', '--adapter', 'caddyfile', '--config', file], { cores, env });
}

/** As it is started by an orchestrator, and not for the first time: then its code is compiled, and the compiler for TypeScript takes no memory. */
function startOurs(run: Run, directory: string, cores: readonly number[], more: readonly string[]): Program {
  const env = proxyEnvironment(run.root);
  return startProgram(run, [process.execPath, ...PROXY_NODE_OPTIONS, MAIN, '--dir', directory, ...more], { cores, env });
}

const MAIN = new URL('../../packages/greenroom/src/proxy/main.ts', import.meta.url).pathname;
const CONTROL_LIMIT_MS = 10_000;

function ours(name: string, workers: number, peer: string): Candidate {
  return {
    name,
    about: `Greenroom, ${workersOf(workers)}`,
    workers,
    peer,
    async start(run, { port, targetPort, cores }) {
      const directory = join(run.root, `ours-${port}`);
      mkdirSync(directory);
      const more = workers === 1 ? [] : ['--workers', String(workers)];
      const first = startOurs(run, directory, cores, more);
      try {
        await control(first, directory, '/apps/bench', { port } satisfies ProxyAppBody);
      } finally {
        await first.stop();
      }
      const program = startOurs(run, directory, cores, more);
      try {
        await control(program, directory, '/apps/bench', { port } satisfies ProxyAppBody);
        const target = { instance: 'bench', host: '127.0.0.1', port: targetPort };
        await control(program, directory, '/apps/bench/target', target satisfies ProxyTarget);
        return program;
      } catch (error) {
        await program.stop();
        throw error;
      }
    },
  };
}

/** One PUT on the control interface, as soon as it answers. */
async function control(program: Program, directory: string, path: string, body: unknown): Promise<void> {
  const deadline = performance.now() + CONTROL_LIMIT_MS;
  for (;;) {
    const answer = await callProxy(directory, 'PUT', path, body).catch((error: Error) => error.message);
    if (typeof answer !== 'string') {
      if (answer.status === 200) return;
      throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
    }
    if (program.hasEnded()) throw new Error(`ended at once: ${program.said()}`);
    if (performance.now() > deadline) throw new Error(`${answer}; it said: ${program.said()}`);
    await delay(10);
  }
}
