import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../../../../bench/harness/ports.ts';
import { commitFiles, initRepo } from '../../../../../bench/harness/repo.ts';
import { createClient, type GreenroomClient } from '../../../../sdk/src/client.ts';
import { type Layout, layoutOf } from '../../../src/orchestrator/layout.ts';
import { until } from '../../e2e/rig.ts';
import type { Machine, RunOptions } from '../machine.ts';
import { type Attack, PLANTED, type Targets } from './table.ts';

/** The repository is another user's. */
const OWNED = { env: { ...process.env, GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' } };

export const HOSTILE = join(import.meta.dirname, 'hostile.py');
const START_LIMIT_MS = 60_000;
const APP = `const { createServer } = require('node:http');
const answer = (request, response) => response.end('ok');
createServer(answer).listen(process.env.PORT, '127.0.0.1');
createServer(answer).listen(process.env.INTERNAL_SOCKET ?? process.env.INTERNAL_PORT, process.env.INTERNAL_SOCKET ? undefined : '127.0.0.1');
process.on('SIGTERM', () => process.exit());
`;

/** A process by what cannot be used again: the number, and when it was started in clock ticks since boot. */
export interface Victim {
  pid: number;
  started: number;
}

/** One app on a machine, live in one slot, with a release before it in the other. */
export interface Installation {
  app: string;
  layout: Layout;
  /** The operator's. */
  contract: string;
  /** Below the data directory. */
  slots: { live: string; other: string };
  victims: { app: Victim; orchestrator: Victim; proxy: Victim };
  /** Where the app serves what is not for visitors. */
  internal: { path: string } | { port: number };
  apiPort: number;
  client: GreenroomClient;
  repo: string;
  /** Output of the orchestrator until now. */
  said(): string;
}

export interface InstallOptions {
  app: string;
  /** Path of the internal socket below the data directory; an internal port without it. */
  internal?: string;
  /** Greenroom's home; the data directory is where it is without a word about it. */
  home: string;
  /** More than the usual, of the contract and of its `agent`. */
  contract?: Record<string, unknown>;
  agent?: Record<string, unknown>;
  /** Who runs the orchestrator. */
  as: RunOptions;
  /** Called when everything is there and nothing has been started. `own`: the operator's folder, of repository and contract. */
  prepare(own: string): Promise<void>;
}

/** Starts Greenroom on the machine and deploys twice. What it starts ends with the machine. */
export async function install(
  machine: Machine,
  { app, internal, home, contract, agent, as, prepare }: InstallOptions,
): Promise<Installation> {
  const own = join(machine.folder, app);
  const [repo, contractFile] = [join(own, 'repo'), join(own, 'app.contract.json')];
  const layout = layoutOf(join(home, 'apps', app));
  const [port = 0, internalPort = 0, apiPort = 0] = await freePorts(3);
  initRepo(repo);
  commitFiles(repo, { 'server.cjs': APP, 'hostile.py': readFileSync(HOSTILE, 'utf8'), 'filtered.txt': 'as committed\n' }, 'Begin');
  const internalSocket = internal === undefined ? undefined : join(layout.data, internal);
  const inner = internalSocket === undefined ? { internal_port: internalPort } : { internal_socket: internalSocket };
  const fixed = { start_command: 'node server.cjs', port, ...inner, health_endpoint: '/healthz' };
  const quiet = { watch_ms: 0, reconcile_interval_ms: 86_400_000, drain_timeout_ms: 1_000, secrets_inject: ['API_KEY'] };
  const hostile = { command: 'python3 hostile.py', ...agent };
  writeFileSync(contractFile, JSON.stringify({ ...fixed, ...quiet, agent: hostile, ...contract }));
  mkdirSync(layout.data, { recursive: true });
  writeFileSync(layout.secrets, `API_KEY=${PLANTED}\nGREENROOM_CHAT_TOKEN=${PLANTED}-for-the-chat\n`, { mode: 0o600 });
  await prepare(own);

  const flags = ['--app', app, '--contract', contractFile, '--repo', repo, '--data', layout.data, '--port', String(apiPort)];
  const started = machine.start(machine.command[0], [machine.command[1], 'start', ...flags], as);
  let said = '';
  for (const stream of [started.stdout, started.stderr]) stream.on('data', (part) => (said += part));
  const client = createClient({ socket: layout.operatorSocket });
  await until(
    async () => started.exitCode !== null || (await client.ready()),
    () => said,
    START_LIMIT_MS,
  );
  assert.equal(started.exitCode, null, said);
  machine.start(machine.command[0], [machine.command[1], 'chat', '--data', layout.data], as).stderr.on('data', (part) => (said += part));
  const deploy = async (): Promise<void> => {
    const answer = await client.deploy({ branch: 'main' });
    assert.ok(answer.success, `${JSON.stringify(answer, null, 2)}\n${said}`);
  };
  await deploy();
  execFileSync(
    'git',
    ['-C', repo, '-c', 'user.name=Ada', '-c', 'user.email=ada@example.invalid', 'commit', '-qm', 'Go on', '--allow-empty'],
    OWNED,
  );
  await deploy();
  await until(
    () => existsSync(layout.chatAppSocket),
    () => said,
    START_LIMIT_MS,
  );
  await machine.must('git', ['config', '--file', join(layout.repo, 'config'), 'planted.value', PLANTED], as);
  const { live_slot, slots } = await client.status();
  assert.ok(live_slot !== '');
  const pidFile = JSON.parse(readFileSync(layout.pidFile, 'utf8')) as { pid: number };
  const victim = async (pid: number): Promise<Victim> => {
    const stat = await machine.must('cat', [`/proc/${pid}/stat`]);
    return { pid, started: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]) };
  };
  const proxy = Number(await machine.must('pgrep', ['-o', '-f', 'src/proxy/main.ts']));
  return {
    app,
    layout,
    contract: contractFile,
    repo,
    client,
    said: () => said,
    slots: { live: layout.slot(live_slot), other: layout.slot(live_slot === 'a' ? 'b' : 'a') },
    victims: {
      app: await victim(slots.find(({ role }) => role === 'live')?.pid ?? 0),
      orchestrator: await victim(pidFile.pid),
      proxy: await victim(proxy),
    },
    internal: internalSocket === undefined ? { port: internalPort } : { path: internalSocket },
    apiPort,
  };
}

/** Has the agent of the app try it all within a turn of its own. Answers what came of each attempt, by name, and what the terminal said of the turn. */
export async function haveAgentTry(
  machine: Machine,
  { layout }: Installation,
  attempts: readonly object[],
  as: RunOptions,
): Promise<{ outcomes: Record<string, string>; said: string }> {
  const turn = await machine.greenroom(['agent', JSON.stringify(attempts), '--data', layout.data], as);
  assert.equal(turn.code, 0, turn.stderr + turn.stdout);
  return { outcomes: JSON.parse(readFileSync(join(layout.workspace, 'results.json'), 'utf8')), said: turn.stdout };
}

/** The attacks as hostile.py takes them. */
export function asAttempts(attacks: readonly Attack[]): object[] {
  return attacks.map(({ name, try: way, with: args }) => ({ name, try: way, ...args }));
}

/** What is attacked, with what a machine lends to it. */
export async function targetsOf(machine: Machine, installation: Installation, neighbour: Layout): Promise<Targets> {
  const [privilegedProgram, witness] = [join(machine.folder, 'id'), join(machine.folder, 'witness')];
  await machine.must('install', ['-m', '4755', '/usr/bin/id', privilegedProgram]);
  await machine.must('install', ['-m', '666', '/dev/null', witness]);
  return { ...installation, neighbour, privilegedProgram, witness };
}
