import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { AttemptView, StepName, StepView } from '@greenroom/sdk/wire';
import { createGitHub, type GitHub, type GitHubOptions } from '../../src/orchestrator/adapters/github/github.ts';
import type { GitHubSettings } from '../../src/orchestrator/adapters/github/settings.ts';
import { type Outbox, type OutboxOptions, openOutbox } from '../../src/orchestrator/adapters/outbox.ts';
import { type GitHubStandIn, startGitHub, TOKEN } from './stand-in/server.ts';

export interface World {
  gitHub: GitHubStandIn;
  client: GitHub;
  outbox: Outbox;
  logged: string[];
  folder: string;
  /** Time that has passed for outbox and client; real time stands for neither. */
  pass(ms: number): void;
  /** What the orchestrator does whenever an attempt changes. */
  report(attempt: AttemptView): Promise<void>;
  drain(): Promise<{ done: number; retried: number; dead: number }>;
  /** The same outbox folder and settings in a new process, as far as one can tell. */
  restart(): Promise<void>;
}

export interface WorldOptions {
  /** Where the API begins on its host; `/api/v3` on an Enterprise Server. */
  apiPath?: string;
  settings?: Partial<GitHubSettings>;
  client?: Partial<GitHubOptions>;
  outbox?: Partial<OutboxOptions>;
}

/** A stand-in, a client for it, and an outbox in a folder of its own. Fails the test when anything did not fit GitHub's description. */
export async function world(t: TestContext, options: WorldOptions = {}): Promise<World> {
  const folder = temporaryFolder(t);
  const gitHub = await startGitHub();
  t.after(async () => {
    await gitHub.close();
    assert.deepEqual(gitHub.violations, []);
  });
  const logged: string[] = [];
  const log = (message: string): void => void logged.push(message);
  let passed = 0;
  const now = (): number => Date.now() + passed;
  const settings: GitHubSettings = {
    apiUrl: gitHub.url + (options.apiPath ?? ''),
    repository: { owner: 'acme', name: 'shop' },
    credentials: { type: 'token', token: TOKEN },
    environment: 'production',
    ownsRemote: true,
    logUrl: 'https://ops.example.org/deploys/{id}',
    ...options.settings,
  };
  const it: World = {
    gitHub,
    logged,
    folder,
    ...(await start()),
    pass: (ms) => {
      passed += ms;
    },
    async report(attempt) {
      for (const job of it.client.jobsFor(attempt)) await it.outbox.enqueue(job);
    },
    drain: () => it.outbox.drain(new AbortController().signal),
    async restart() {
      Object.assign(it, await start());
    },
  };
  return it;

  async function start(): Promise<{ client: GitHub; outbox: Outbox }> {
    const client = createGitHub({
      settings,
      app: 'shop',
      version: '0.0.0-test',
      log,
      paced: false,
      now,
      timeoutMs: 5_000,
      ...options.client,
    });
    const outbox = await openOutbox({ folder: join(folder, 'outbox'), handlers: client.handlers, log, now, ...options.outbox });
    return { client, outbox };
  }
}

export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'greenroom-github-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A commit id that is easy to tell from others. */
export function sha(digit: string): string {
  return digit.repeat(40).slice(0, 40);
}

export function attemptOf(fields: Partial<AttemptView> & { id: string; commit: string }, reached: StepName = 'watch'): AttemptView {
  const order: StepName[] = ['resolve', 'gate', 'prepare', 'boot', 'probe', 'promote', 'retire', 'publish', 'watch'];
  const steps: StepView[] = order.map((step, index) => ({
    step,
    status: index <= order.indexOf(reached) ? 'succeeded' : 'pending',
    started_at: '',
    duration_ms: 0,
  }));
  return {
    ...{ kind: 'deploy', status: 'succeeded', promoted: true, branch: 'main', slot: 'a', previous_commit: '', trigger: 'manual' },
    ...{ caller: 'tcp', reason: '', requested_at: '2026-01-02T03:04:05.000Z', started_at: '', finished_at: '', duration_ms: 0, steps },
    ...fields,
  };
}
