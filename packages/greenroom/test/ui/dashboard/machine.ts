/** A machine with two apps, each with a real orchestrator, and a real dashboard. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createClient, type GreenroomClient } from '@greenroom/sdk/client';
import { CLI, type Greenroom, prepareGreenroom } from '../../../../../bench/harness/greenroom.ts';
import { endLeftovers } from '../../../../../bench/harness/leftovers.ts';
import { freePorts } from '../../../../../bench/harness/ports.ts';
import { commitFiles, initRepo } from '../../../../../bench/harness/repo.ts';
import { readRun } from '../../../src/cli/dashboard/run-file.ts';
import { createLinkToken } from '../../../src/dashboard/sessions.ts';

const SERVER = readFileSync(new URL('../../e2e/app/server.cjs', import.meta.url), 'utf8');

export interface MachineApp extends Greenroom {
  port: number;
  operator: GreenroomClient;
  agent: GreenroomClient;
  /** Commits a version and answers its id; see e2e/app/server.cjs for what it may do. */
  commit(behaviour?: object, files?: Record<string, string>, subject?: string): string;
  live(commit: string): Promise<void>;
}

export interface Machine {
  root: string;
  home: string;
  shop: MachineApp;
  blog: MachineApp;
  origin: string;
  /** Another link to the dashboard, made as the command makes it. */
  link(): Promise<string>;
  linkByCommand(): Promise<string>;
  /** Ends the dashboard, or starts it again on its port. */
  endDashboard(signal?: NodeJS.Signals): Promise<void>;
  startDashboard(): Promise<string>;
  /** Ends everything, and fails when something of it is left. */
  close(): Promise<void>;
}

export async function openMachine(): Promise<Machine> {
  const root = mkdtempSync(join(tmpdir(), 'gr-dash-'));
  const home = join(root, 'home');
  const env = { ...process.env, GREENROOM_HOME: home, NO_COLOR: '1' };
  const ports = await freePorts(7);
  let dashboard: ChildProcess | undefined;

  async function openApp(app: string, index: number, contract: object): Promise<MachineApp> {
    const [port = 0, internal_port = 0, apiPort = 0] = ports.slice(index);
    const folder = join(root, app);
    const repo = join(folder, 'repo');
    initRepo(repo);
    const start = { start_command: 'node server.cjs', port, internal_port, health_endpoint: '/healthz' };
    const limits = { drain_timeout_ms: 2_000, watch_ms: 0, reconcile_interval_ms: 86_400_000 };
    const greenroom = prepareGreenroom({ root: folder, home, app, repo, apiPort, contract: { ...start, ...limits, ...contract } });
    const commit: MachineApp['commit'] = (behaviour = {}, files = {}, subject = 'Change') =>
      commitFiles(repo, { ...files, 'behaviour.json': JSON.stringify(behaviour) }, subject);
    commitFiles(repo, { 'server.cjs': SERVER }, 'Begin');
    const socket = (name: string): GreenroomClient => createClient({ socket: join(greenroom.data, 'run', `${name}.sock`) });
    const operator = socket('operator');
    const live = async (id: string): Promise<void> => {
      const answer = await operator.deploy({ commit: id });
      assert.ok(answer.success, JSON.stringify(answer));
    };
    await greenroom.start();
    return { ...greenroom, port, operator, agent: socket('agent'), commit, live };
  }

  const [shop, blog] = await Promise.all([openApp('shop', 0, { agent: { approval: true } }), openApp('blog', 3, {})]);
  const dashboardPort = ports[6] ?? 0;

  const machine: Machine = {
    root,
    home,
    shop,
    blog,
    origin: `http://127.0.0.1:${dashboardPort}`,
    async link() {
      const run = await readRun(home);
      assert.ok(run, 'the dashboard does not run');
      return `${machine.origin}/#token=${createLinkToken(run.secret)}`;
    },
    async linkByCommand() {
      const run = spawn(process.execPath, [CLI, 'dashboard', '--json'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
      const [line] = await Promise.all([firstLine(run), once(run, 'close')]);
      return (JSON.parse(line) as { url: string }).url;
    },
    async startDashboard() {
      dashboard = spawn(process.execPath, [CLI, 'dashboard', '--port', String(dashboardPort), '--json'], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      return (JSON.parse(await firstLine(dashboard)) as { url: string }).url;
    },
    async endDashboard(signal = 'SIGTERM') {
      if (!dashboard || dashboard.exitCode !== null || dashboard.signalCode !== null) return;
      const exited = once(dashboard, 'exit');
      dashboard.kill(signal);
      await exited;
    },
    async close() {
      await machine.endDashboard();
      await Promise.all([shop.stop(), blog.stop()]);
      const left = await endLeftovers(root);
      rmSync(root, { recursive: true, force: true });
      assert.deepEqual(left, [], 'processes were left behind');
    },
  };
  await machine.startDashboard();
  return machine;
}

async function firstLine(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout);
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) return line;
  throw new Error('it ended without a word');
}
