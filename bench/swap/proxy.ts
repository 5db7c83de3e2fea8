/** The proxy that stands in front of the app in a bench of swaps, as an operator would run it. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { killFamily, type Program, startProgram } from '../proxy/program.ts';

export const ROUTERS = ['embedded', 'caddy', 'nginx'] as const;
export type RouterKind = (typeof ROUTERS)[number];
export const UPSTREAMS = ['socket', 'port'] as const;
export type Upstream = (typeof UPSTREAMS)[number];

export interface FrontProxy {
  /** Fields of the contract that lead there. */
  contract: Record<string, unknown>;
  /** kill -9 of all its processes, as a service manager ends what is left of a service. None for the embedded proxy, which is not the bench's. */
  kill(): Promise<void>;
  /** After `kill`: starts it again with the same command, as a service manager would; answers at once. */
  revive(): void;
  stop(): Promise<void>;
}

const READY_LIMIT_MS = 10_000;
const POLL_MS = 10;

/** Starts the proxy with its files below the folder, and answers when it can be told what to do. The embedded one is Greenroom's own to start. */
export async function startFrontProxy(kind: RouterKind, upstream: Upstream, root: string): Promise<FrontProxy> {
  if (kind === 'embedded') return { contract: {}, kill: async () => undefined, revive: () => undefined, stop: async () => undefined };
  const folder = join(root, kind);
  mkdirSync(folder, { recursive: true });
  return kind === 'caddy' ? await startCaddy(folder, upstream) : await startNginx(folder, upstream);
}

async function startCaddy(folder: string, upstream: Upstream): Promise<FrontProxy> {
  const [socket, file] = [join(folder, 'admin.sock'), join(folder, 'caddy.json')];
  writeFileSync(file, JSON.stringify({ admin: { listen: `unix/${socket}`, config: { persist: false } } }));
  const env = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  const running = await start(folder, ['caddy', 'run', '--config', file], env, () => existsSync(socket));
  // Caddy throws away what is left of a request once its answer has begun, deploy or not: here the app answers later.
  return { contract: { router: { kind: 'caddy', admin: `unix/${socket}`, upstream }, env: { BENCH_ECHO: 'whole' } }, ...running };
}

async function startNginx(folder: string, upstream: Upstream): Promise<FrontProxy> {
  const [file, pid, configDir] = [join(folder, 'nginx.conf'), join(folder, 'pid'), join(folder, 'greenroom.d')];
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ');
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${pid}; ${user} events { worker_connections 4096; }
http { access_log off; ${temporary} include ${configDir}/*.conf; }
`,
  );
  const command = ['nginx', '-p', folder, '-c', file, '-e', join(folder, 'error.log')];
  const running = await start(folder, command, {}, () => existsSync(pid));
  return { contract: { router: { kind: 'nginx', config_dir: configDir, command, upstream } }, ...running };
}

type Running = Pick<FrontProxy, 'kill' | 'revive' | 'stop'>;

async function start(folder: string, command: string[], env: Record<string, string>, ready: () => boolean): Promise<Running> {
  const run = (): Program => startProgram({ root: folder, signal: new AbortController().signal }, command, { cores: [], env });
  let program = run();
  const deadline = performance.now() + READY_LIMIT_MS;
  while (!ready()) {
    if (program.hasEnded() || performance.now() > deadline)
      throw new Error(`${command[0]} did not start: ${program.said() || 'it said nothing'}`);
    await delay(POLL_MS);
  }
  return {
    async kill() {
      killFamily(program.pid);
      await program.exited;
    },
    revive() {
      program = run();
    },
    stop: () => program.stop(),
  };
}
