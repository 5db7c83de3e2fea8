import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { AttemptView, EventMessage, Status, StepName, StepView } from '@greenroom/sdk/wire';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { type RegisteredApp, registerApp } from '../../src/registry/index.ts';

export const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Machine {
  home: string;
  /** The app's repository folder, where commands run by default. */
  repo: string;
  app: RegisteredApp;
  env: NodeJS.ProcessEnv;
  /** Runs the real command to its end. */
  greenroom(args: readonly string[], options?: { env?: NodeJS.ProcessEnv; cwd?: string }): Promise<Ran>;
  /** Runs any program with `greenroom` on its PATH. */
  run(program: string, args: readonly string[], options?: { env?: NodeJS.ProcessEnv; cwd?: string }): Promise<Ran>;
}

/** A machine of its own with one registered app, "shop". */
export async function createMachine(t: TestContext): Promise<Machine> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'cli-')));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const home = join(folder, 'home');
  const repo = join(folder, 'shop');
  const bin = join(folder, 'bin');
  await mkdir(repo);
  await mkdir(bin);
  await writeFile(join(bin, 'greenroom'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  await chmod(join(bin, 'greenroom'), 0o755);
  const data = join(home, 'apps', 'shop');
  const app: RegisteredApp = { name: 'shop', data, repo, contract: layoutOf(data).contract, api_port: 9100 };
  await registerApp(home, app);
  await mkdir(layoutOf(data).run, { recursive: true });
  await writeFile(
    app.contract,
    JSON.stringify({ start_command: 'node server.js', port: 3999, health_endpoint: '/healthz', human_branch: 'trunk' }),
  );
  const { NO_COLOR: _n, FORCE_COLOR: _f, NODE_OPTIONS: _o, ...inherited } = process.env;
  const env = { ...inherited, GREENROOM_HOME: home, TERM: 'xterm', PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` };
  const run: Machine['run'] = (program, args, options = {}) =>
    runProgram(program, args, { cwd: options.cwd ?? repo, env: { ...env, ...options.env } });
  return { home, repo, app, env, run, greenroom: (args, options) => run(process.execPath, [MAIN, ...args], options) };
}

function runProgram(program: string, args: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }): Promise<Ran> {
  const { promise, resolve, reject } = Promise.withResolvers<Ran>();
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000, killSignal: 'SIGKILL' });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.on('error', reject);
  child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  return promise;
}

type Answer = { status: number; body: unknown } | undefined;

export interface Fake {
  /** Requests other than `/events`, oldest first. */
  requests: { call: string; prefer: string; trace?: string; body: unknown }[];
  attempts: Map<string, AttemptView>;
  /** Remembers the attempt and tells every listener. */
  publish(attempt: AttemptView): void;
  /** Breaks all connections and stops listening, as a killed orchestrator does. */
  crash(): Promise<void>;
  restart(): Promise<void>;
}

/** An orchestrator's wire interface on the app's socket, without an orchestrator. `answer` decides what a request gets. */
export async function createFake(t: TestContext, app: RegisteredApp, answer: (call: string, fake: Fake) => Answer): Promise<Fake> {
  const events: EventMessage[] = [];
  const listeners = new Set<ServerResponse>();
  const send = (response: ServerResponse, event: EventMessage): void =>
    void response.write(`id: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`);
  let server: Server | undefined;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = `${request.method} ${request.url}`;
    if (call === 'GET /events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': connected\n\n');
      const last = request.headers['last-event-id'];
      if (last !== undefined) for (const event of events) if (event.seq > Number(last)) send(response, event);
      listeners.add(response);
      response.on('close', () => listeners.delete(response));
      return;
    }
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const { prefer = '', traceparent } = request.headers;
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    fake.requests.push({ call, prefer: String(prefer), ...(traceparent ? { trace: String(traceparent) } : {}), body });
    const known = fake.attempts.get(request.url?.replace('/deploys/', '') ?? '');
    const given =
      answer(call, fake) ??
      (known ? { status: 200, body: known } : { status: 404, body: { success: false, code: 'not_found', error: `no ${call}` } });
    response.writeHead(given.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(given.body));
  }

  const fake: Fake = {
    requests: [],
    attempts: new Map(),
    publish(attempt) {
      fake.attempts.set(attempt.id, attempt);
      const event = { seq: events.length + 1, time: new Date().toISOString(), type: 'step', attempts: [attempt] };
      events.push(event);
      for (const listener of listeners) send(listener, event);
    },
    async crash() {
      const closed = new Promise((resolve) => server?.close(resolve));
      server?.closeAllConnections();
      await closed;
    },
    async restart() {
      server = createServer((request, response) => void handle(request, response));
      await new Promise<void>((resolve) => server?.listen(layoutOf(app.data).operatorSocket, resolve));
    },
  };
  await fake.restart();
  t.after(() => fake.crash());
  return fake;
}

export const COMMIT = '1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d';
export const PREVIOUS = '9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c';

export function attempt(changes: Partial<AttemptView> = {}): AttemptView {
  return {
    id: 'd-1',
    kind: 'deploy',
    status: 'running',
    promoted: false,
    commit: COMMIT,
    branch: 'trunk',
    slot: 'b',
    previous_commit: PREVIOUS,
    trigger: 'manual',
    caller: 'operator-socket',
    reason: '',
    requested_at: '2026-01-01T00:00:00.000Z',
    started_at: '2026-01-01T00:00:00.000Z',
    finished_at: '',
    duration_ms: 0,
    steps: [],
    ...changes,
  };
}

export function step(name: StepName, changes: Partial<StepView> = {}): StepView {
  return { step: name, status: 'succeeded', started_at: '2026-01-01T00:00:00.000Z', duration_ms: 84, ...changes };
}

export function status(changes: Partial<Status> = {}): Status {
  return {
    live_slot: 'a',
    live_commit: COMMIT,
    previous_slot: 'b',
    previous_commit: PREVIOUS,
    last_deploy_time: '2026-01-01T00:00:00.000Z',
    healthy: true,
    app: 'shop',
    version: '0.1.0',
    port: 3999,
    router: 'embedded',
    api_access: 'all',
    slots: [{ slot: 'a', directory: '/a', commit: COMMIT, role: 'live', instance: 'i-1', pid: 1 }],
    attempt: null,
    queue: [],
    watch: null,
    quarantine: [],
    consecutive_failures: 0,
    restart: null,
    branches: {},
    agent: { busy: false },
    schema: null,
    freeze: null,
    overrides: [],
    drift: [],
    checks: null,
    github_problem: '',
    journal: { records: 1, intact: true, problem: '' },
    deploys: [attempt({ status: 'succeeded', promoted: true, reason: 'new\u001b]0;title\u0007 footer' })],
    ...changes,
  };
}
