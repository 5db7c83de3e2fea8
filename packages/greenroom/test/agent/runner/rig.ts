import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ChatEvent } from '@greenroom/sdk/chat';
import type { AgentProgram } from '../../../src/agent/launch.ts';
import { TURN_VARIABLE } from '../../../src/agent/runner/tree.ts';
import type { RunnerOptions } from '../../../src/agent/runner.ts';
import type { AgentSettings } from '../../../src/agent/settings.ts';
import { openTranscript, type Transcript } from '../../../src/agent/transcript.ts';
import { createWorkspace } from '../../../src/agent/workspace.ts';
import { type Layout, layoutOf } from '../../../src/orchestrator/layout.ts';
import { ownIdentity, processTable, readEnviron } from '../../../src/proc.ts';
import type { Step } from './fake-agent.ts';

export const FAKE = join(import.meta.dirname, 'fake-agent.ts');
export const MAIN = join(import.meta.dirname, '../../../src/cli/main.ts');
export const USER = { id: 'u1', name: 'Ada' };

export interface World {
  layout: Layout;
  transcript: Transcript;
  conversation: string;
  /** Folder of the fake agent's memory. */
  memory: string;
  /** Queues a message; steps become the script. */
  post(message: string | Step[]): string;
  /** Options of a runner in this process. */
  options(more?: Partial<RunnerOptions> & { set?: Partial<AgentSettings>; fake?: Record<string, string> }): RunnerOptions;
  events(): ChatEvent[];
  /** Resolves with the first event that fits, also one of before. */
  until<T extends ChatEvent>(fits: (event: ChatEvent) => event is T): Promise<T>;
  until(fits: (event: ChatEvent) => boolean): Promise<ChatEvent>;
  /** Everything that an agent's words come to, in order. */
  said(): string;
}

/** A data directory with a repository, a conversation and the fake agent. */
export function createWorld(t: TestContext): World {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'agent-')));
  const layout = layoutOf(join(folder, 'data'));
  const memory = join(folder, 'memory');
  for (const path of [layout.run, layout.agent, layout.logs, memory]) mkdirSync(path, { recursive: true });
  makeRepository(folder, layout.repo);
  const transcript = openTranscript(layout.transcript);
  t.after(() => {
    transcript.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const conversation = transcript.createConversation({ title: '', user: USER }).id;
  const events = (): ChatEvent[] => transcript.eventsAfter(conversation, 0, Number.MAX_SAFE_INTEGER);
  let messages = 0;
  return {
    layout,
    transcript,
    conversation,
    memory,
    post(message) {
      messages += 1;
      const text = typeof message === 'string' ? message : `do this\n${JSON.stringify(message)}`;
      return transcript.post({ conversation, id: `m${messages}`, text, user: USER }).turn;
    },
    options: (more = {}) => runnerOptions({ layout, transcript, memory }, more),
    events,
    until: async (fits: (event: ChatEvent) => boolean) => (await found(transcript, () => events().find(fits))) as never,
    said: () => events().reduce((text, event) => (event.kind === 'text' ? text + event.delta : text), ''),
  };
}

/** Resolves with what `look` finds, now or after a change of the transcript. */
export async function found<T>(transcript: Transcript, look: () => T | undefined): Promise<T> {
  const { promise, resolve } = Promise.withResolvers<T>();
  const check = (): void => {
    const it = look();
    if (it !== undefined) resolve(it);
  };
  const forget = transcript.watch(check);
  check();
  return await promise.finally(forget);
}

export const SETTINGS: AgentSettings = {
  command: 'fake',
  preset: '',
  env: {},
  secrets: [],
  permissions: 'allow',
  sandbox: 'off',
  readable: [],
  writable: [],
  workspace: 'own',
  approval: false,
  chat_path: '/.greenroom',
  authorize_endpoint: '',
  turn_timeout_ms: 60_000,
  turns_per_hour: 60,
  failed_deploys_per_turn: 5,
  keep_days: 0,
  author_name: 'Greenroom agent',
  author_email: 'agent@greenroom.invalid',
};

export function fakeProgram(more: Partial<AgentProgram> = {}): AgentProgram {
  return { id: 'fake', name: 'Fake', file: process.execPath, args: [FAKE], environment: {}, mode: '', login: 'Run "fake login".', ...more };
}

function runnerOptions(
  { layout, transcript, memory }: { layout: Layout; transcript: Transcript; memory: string },
  { set, fake, ...more }: Partial<RunnerOptions> & { set?: Partial<AgentSettings>; fake?: Record<string, string> },
): RunnerOptions {
  const settings = { ...SETTINGS, env: { FAKE_STATE: memory, ...fake }, ...set };
  return {
    paths: layout,
    settings,
    transcript,
    self: ownIdentity(),
    agent: { ok: true, agent: fakeProgram() },
    workspace: createWorkspace({
      paths: layout,
      humanBranch: 'main',
      agentBranch: 'machine',
      author: { name: settings.author_name, email: settings.author_email },
      refresh: async () => '',
    }),
    instructions: async () => 'INSTRUCTIONS',
    openTools: async () => ({
      mcpServer: () => null,
      environment: { pathPrefix: '', variables: {} },
      secrets: [],
      deploysFailed: async () => 0,
      close: async () => undefined,
    }),
    openSandbox: async ({ env }) => ({ layers: [], sandboxed: false, env }),
    secrets: {},
    env: process.env,
    stop: new AbortController().signal,
    startNext: async () => undefined,
    log: () => undefined,
    ...more,
  };
}

/** The bare repository of an orchestrator, with one commit on the human branch. */
function makeRepository(folder: string, repo: string): void {
  const source = join(folder, 'source');
  const git = (...args: string[]): void =>
    void execFileSync('git', args, { stdio: 'pipe', env: { PATH: process.env['PATH'], HOME: folder, GIT_CONFIG_NOSYSTEM: '1' } });
  git('init', '-q', '-b', 'main', source);
  writeFileSync(join(source, 'app.js'), 'console.log(1);\n');
  git('-C', source, 'add', '.');
  git('-C', source, '-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', 'commit', '-qm', 'Begin');
  git('clone', '-q', '--bare', source, repo);
  git('-C', repo, 'update-ref', 'refs/remotes/origin/main', 'refs/heads/main');
}

/** Pids of processes that carry the mark of a turn. */
export function processesOf(turn: string): number[] {
  const marker = `${TURN_VARIABLE}=${turn}`;
  return [...processTable().values()].filter(({ pid, state }) => state !== 'Z' && readEnviron(pid)?.includes(marker)).map(({ pid }) => pid);
}

/** A runner as it really is: its own process, by the hidden command. */
export function spawnRunner(world: World): { pid: number; exited: Promise<unknown>; kill(): void } {
  const child = spawn(process.execPath, [MAIN, 'agent-run', '--data', world.layout.data], { stdio: 'ignore', detached: true });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  return { pid: child.pid ?? 0, exited, kill: () => void child.kill('SIGKILL') };
}

/** Makes the data directory one that commands accept, with the fake as its agent. */
export function writeContract(world: World, agent: object = {}): void {
  const settings = { command: `${process.execPath} ${FAKE}`, env: { FAKE_STATE: world.memory, FAKE_CAN: 'resume' }, ...agent };
  const contract = { start_command: 'node app.js', port: 3999, health_endpoint: '/', agent: settings };
  writeFileSync(world.layout.contract, JSON.stringify(contract));
  writeFileSync(world.layout.journal, '');
}
