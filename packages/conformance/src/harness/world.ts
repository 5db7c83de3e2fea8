import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Status } from '@greenroom/sdk/wire';
import { type Answer, exchange, type HttpRequest, jsonOf } from './http.ts';
import { freePorts } from './ports.ts';
import { alive, kill, type ProcessSeen, processesWith } from './processes.ts';
import { type Behaviour, createRepository, type Repository } from './repository.ts';
import { until } from './wait.ts';

export const DRAIN_TIMEOUT_MS = 2_000;
export const HEALTH_TIMEOUT_MS = 5_000;
/** What an orchestrator may take on top of a limit of the contract, on a busy machine. */
export const SLACK_MS = 3_000;
const START_DEADLINE_MS = 20_000;
const EXIT_DEADLINE_MS = 15_000;
const LEFTOVER_GRACE_MS = 3_000;
const LOG_TAIL_LINES = 12;

/** Given to the orchestrator's environment: the first must reach the app (named in `secrets_inject`), the others must not. */
export const SECRET = { name: 'CONFORMANCE_SECRET', value: 'told-to-the-app' };
export const PRIVATE_VARIABLES = { GITHUB_TOKEN: 'not-for-the-app', CONFORMANCE_PRIVATE: 'not-for-the-app' };

/** What the app wrote down; see fixture/server.cjs. */
export interface AppEvent {
  event: 'start' | 'exit' | 'sigterm' | 'child' | 'health' | 'deep' | 'slow' | 'stream' | 'listening';
  version: string;
  pid: number;
  time: number;
  port?: string;
  internal_port?: string;
  cwd?: string;
  env?: Record<string, string>;
  listener?: string;
  method?: string;
  child?: number;
}

/** One run of the adapter. */
interface Launched {
  child: ChildProcess;
  exited: Promise<Exited>;
  output(): string;
  /** SIGKILL, if it still runs. What it started is not judged as left behind then. */
  kill(): Promise<void>;
}

export interface Exited {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** One app, its repository and one orchestrator for it, in folders and on ports of their own. */
export interface World {
  directory: string;
  data: string;
  apiPort: number;
  port: number;
  internalPort: number;
  repository: Repository;
  /** Written to the contract file at each start; tests may change it between starts. */
  contract: Record<string, unknown>;
  contractFile: string;
  /** Starts the orchestrator and waits until `GET /` answers 200. */
  start(): Promise<void>;
  /** Starts one (a second one when the first runs) and does not wait. */
  launch(options?: { apiPort?: number }): Launched;
  /** SIGTERM and the way it ended. */
  stop(): Promise<Exited>;
  /** SIGKILL to the orchestrator alone. */
  crash(): Promise<void>;
  api(method: string, path: string, body?: unknown, more?: Partial<HttpRequest>): Promise<Answer>;
  status(): Promise<Status>;
  deploy(commit: string): Promise<Answer>;
  /** Commits a version to `main`, deploys it, and throws unless that succeeds. */
  release(behaviour: Behaviour, files?: Record<string, string | null>): Promise<{ commit: string; answer: Record<string, unknown> }>;
  /** What `port` (or another stable port) is answered by. */
  whoami(port?: number): Promise<{ version: string; pid: number; listener: string }>;
  events(): AppEvent[];
  event(what: string, matches: (event: AppEvent) => boolean): Promise<AppEvent>;
  /** Instances of the app that run now. */
  instances(): number[];
  setFlag(name: string, on: boolean): Promise<void>;
  /** Which version the schema of the app's database is at. */
  migrateTo(version: number): Promise<void>;
  logTail(): string;
  /** Ends everything. Answers processes that a graceful stop of the orchestrator left behind. */
  close(): Promise<ProcessSeen[]>;
}

export async function createWorld(adapter: readonly string[], contract: Record<string, unknown>): Promise<World> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'conf-')));
  const [apiPort = 0, port = 0, internalPort = 0] = await freePorts(3);
  const data = join(directory, 'data');
  const observe = join(directory, 'events.jsonl');
  const control = join(directory, 'control');
  const log = join(directory, 'adapter.log');
  const contractFile = join(directory, 'contract.json');
  await mkdir(control);
  await mkdir(data);
  await writeFile(observe, '');
  await writeFile(log, '');
  const repository = await createRepository(join(directory, 'repository'), observe, control);
  const launched: Launched[] = [];
  let current: Launched | undefined;
  let crashed = false;

  const world: World = {
    directory,
    data,
    apiPort,
    port,
    internalPort,
    repository,
    contractFile,
    contract: {
      start_command: 'node server.cjs',
      port,
      internal_port: internalPort,
      health_endpoint: '/healthz',
      health_timeout_ms: HEALTH_TIMEOUT_MS,
      drain_timeout_ms: DRAIN_TIMEOUT_MS,
      ...contract,
    },
    async start() {
      await writeFile(contractFile, JSON.stringify(world.contract, null, 2));
      const started = world.launch();
      current = started;
      crashed = false;
      let ended = '';
      void started.exited.then(({ code, signal }) => {
        ended = `ended with ${signal ?? `code ${code}`}`;
      });
      await until('the orchestrator answers GET / with 200', START_DEADLINE_MS, async () => {
        if (ended) return true;
        return (await exchange({ port: apiPort, timeoutMs: 2_000 })).status === 200;
      });
      if (ended) throw new Error(`the orchestrator ${ended} instead of starting: ${world.logTail()}`);
    },
    launch(options = {}) {
      const [command = '', ...args] = adapter;
      const file = launched.length === 0 ? log : `${log}.${launched.length}`;
      const output = openSync(file, 'a');
      const child = spawn(
        command,
        [...args, '--config', contractFile, '--repo', repository.directory, '--data', data, '--port', String(options.apiPort ?? apiPort)],
        { detached: true, stdio: ['ignore', output, output], env: { ...process.env, ...PRIVATE_VARIABLES, [SECRET.name]: SECRET.value } },
      );
      closeSync(output);
      const { promise: exited, resolve } = Promise.withResolvers<Exited>();
      child.once('exit', (code, signal) => resolve({ code, signal }));
      child.once('error', () => resolve({ code: -1, signal: null }));
      const started: Launched = {
        child,
        exited,
        output: () => readFileSync(file, 'utf8'),
        async kill() {
          if (child.exitCode === null && child.signalCode === null) crashed = true;
          child.kill('SIGKILL');
          await exited;
        },
      };
      launched.push(started);
      return started;
    },
    async stop() {
      if (!current) throw new Error('the orchestrator does not run');
      current.child.kill('SIGTERM');
      const exited = await within(current.exited, EXIT_DEADLINE_MS, 'the orchestrator ends after SIGTERM');
      current = undefined;
      return exited;
    },
    async crash() {
      if (!current) throw new Error('the orchestrator does not run');
      await current.kill();
      current = undefined;
    },
    api(method, path, body, more = {}) {
      const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
      return exchange({
        port: apiPort,
        method,
        path,
        body: text,
        ...more,
        headers: { 'content-type': 'application/json', ...more.headers },
      });
    },
    async status() {
      return jsonOf(await world.api('GET', '/status')) as unknown as Status;
    },
    deploy: (commit) => world.api('POST', '/deploy', { commit }),
    async release(behaviour, files = {}) {
      const commit = await repository.commit(behaviour, { files });
      const answer = await world.deploy(commit);
      if (answer.status !== 200) throw new Error(`deploy of a good version answered ${answer.status}: ${answer.body.slice(0, 500)}`);
      return { commit, answer: jsonOf(answer) };
    },
    async whoami(at = port) {
      const answer = await exchange({ port: at, path: '/whoami' });
      if (answer.status !== 200) throw new Error(`port ${at} answered ${answer.status}: ${answer.body.slice(0, 200)}`);
      return jsonOf(answer) as { version: string; pid: number; listener: string };
    },
    events() {
      const lines = readFileSync(observe, 'utf8').split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line) as AppEvent);
    },
    event: (what, matches) => until(what, EXIT_DEADLINE_MS, () => world.events().find(matches)),
    instances() {
      const started = world.events().filter(({ event }) => event === 'start');
      return [...new Set(started.map(({ pid }) => pid))].filter(alive);
    },
    async setFlag(name, on) {
      const file = join(control, name);
      if (on) await writeFile(file, '');
      else await rm(file, { force: true });
    },
    migrateTo: (version) => writeFile(join(control, 'database'), String(version)),
    logTail() {
      const lines = launched.flatMap((started) => started.output().trimEnd().split('\n'));
      return lines.slice(-LOG_TAIL_LINES).join('\n');
    },
    async close() {
      const unstopped = current ? await world.stop().then(() => '', String) : '';
      if (!crashed) await quiet(directory);
      const leftovers = processesWith(directory);
      await until('killed processes are gone', EXIT_DEADLINE_MS, () => {
        const left = processesWith(directory);
        for (const { pid } of left) kill(pid, 'SIGKILL');
        return left.length === 0;
      });
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
      return crashed && !unstopped ? [] : leftovers;
    },
  };
  return world;
}

/** Gives processes that are on their way out a moment. */
async function quiet(directory: string): Promise<void> {
  const deadline = Date.now() + LEFTOVER_GRACE_MS;
  while (processesWith(directory).length > 0 && Date.now() < deadline) await delay(50);
}

/** The promise's value, or an error with the sentence when it takes longer. */
async function within<T>(promise: Promise<T>, limitMs: number, what: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not within ${limitMs} ms: ${what}`)), limitMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
