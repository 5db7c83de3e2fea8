import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { AttemptView, DeploySuccess, DriftName, DriftView, Refusal, Status } from '@greenroom/sdk/wire';
import { sign } from '@octokit/webhooks-methods';
import { type Greenroom, prepareGreenroom, tail } from '../../../../bench/harness/greenroom.ts';
import { endLeftovers } from '../../../../bench/harness/leftovers.ts';
import { freePorts } from '../../../../bench/harness/ports.ts';
import { commitFiles, git } from '../../../../bench/harness/repo.ts';
import { createClient } from '../../../sdk/src/client.ts';
import { type Layout, layoutOf } from '../../src/orchestrator/layout.ts';
import { type Receiver, receiver } from '../alerts/support.ts';
import { type GitServer, serveGit } from '../branches/http-server.ts';
import { assertPortFree, type Behaviour, until } from '../e2e/rig.ts';
import { examples } from '../github/stand-in/data.ts';
import { type GitHubStandIn, startGitHub, TOKEN } from '../github/stand-in/server.ts';
import { type Answered, post } from '../github/webhook-rig.ts';

const SERVER = readFileSync(new URL('../e2e/app/server.cjs', import.meta.url), 'utf8');
const KILL_POINTS = new URL('../recovery/kill-points.ts', import.meta.url).href;
const SECRET = 'a secret of the webhook';

export interface ReconcileRigOptions {
  contract?: Record<string, unknown>;
  /** With a stand-in for GitHub. */
  gitHub?: boolean;
  /** Lets a test name places at which the orchestrator dies: recovery/kill-points.ts. */
  killPoints?: boolean;
  /** Called with the data directory before the first start. */
  prepare?(data: string): void;
}

/** A Greenroom whose repository is behind a git server, with people, an agent, a webhook, and somebody who receives alerts. */
export interface ReconcileRig extends Greenroom {
  root: string;
  port: number;
  layout: Layout;
  server: GitServer;
  /** A person's clone, on main. */
  human: string;
  origin: string;
  gitHub: GitHubStandIn | null;
  alerts: Receiver;
  /** A person commits a version of the app, and pushes it. Answers the commit. */
  push(behaviour?: Behaviour, files?: Record<string, string>): string;
  /** Makes the agent's clone, on machine at main's head. */
  makeWorkspace(): void;
  /** The agent commits in its workspace. */
  work(behaviour?: Behaviour, files?: Record<string, string>): string;
  /** By the agent's socket. */
  agentDeploys(commit: string): Promise<DeploySuccess | Refusal>;
  /** Head of a branch at the git server; empty when there is none. */
  published(branch: string): string;
  status(): Promise<Status>;
  /** One round now. */
  reconcile(dryRun?: boolean): Promise<DriftView[]>;
  drift(name: DriftName): Promise<DriftView | undefined>;
  /** A webhook delivery for a push to main; the id is a new one unless it is given. */
  deliver(id?: string, headers?: Record<string, string>, more?: object): Promise<Answered>;
  /** The same, with another id and body each time, and waits until it is dealt with. */
  told(): Promise<void>;
  merged(headSha: string): Promise<Answered>;
  /** Waits until the commit is live, and nothing is under way. */
  becomesLive(commit: string): Promise<void>;
  /** Waits until nothing is under way. */
  settles(): Promise<Status>;
  /** Attempts to deploy the commit, oldest first, as `status by trigger`. */
  attemptsOf(commit: string): Promise<string[]>;
  attempts(): Promise<AttemptView[]>;
  /** Kinds of the alerts received, resolved ones with a minus before them. */
  alerted(): string[];
  log(): string;
}

export async function openReconcileRig(t: TestContext, options: ReconcileRigOptions = {}): Promise<ReconcileRig> {
  const root = mkdtempSync(join(tmpdir(), 'loop-'));
  const data = join(root, 'data');
  const [port = 0, internalPort = 0, apiPort = 0, webhookPort = 0] = await freePorts(4);
  const { human, origin } = makeOrigin(root);
  const alerts = await receiver(t);
  const gitHub = options.gitHub ? await startGitHub() : null;
  const server = await serveGit(t, join(root, 'git'), { username: 'x-access-token', password: TOKEN });
  mkdirSync(data);
  options.prepare?.(data);
  const greenroom = prepareGreenroom({
    root,
    repo: server.url('acme/shop.git'),
    apiPort,
    app: 'shop',
    env: {
      GREENROOM_GIT_TOKEN: TOKEN,
      GREENROOM_WEBHOOK_SECRET: SECRET,
      GREENROOM_WEBHOOK_PORT: String(webhookPort),
      GREENROOM_WEBHOOK_REPOSITORY: 'acme/shop',
      ...(gitHub ? { GITHUB_TOKEN: TOKEN, GITHUB_API_URL: gitHub.url, GITHUB_REPOSITORY: 'acme/shop' } : {}),
      ...(options.killPoints ? { NODE_OPTIONS: `--import ${KILL_POINTS}` } : {}),
    },
    contract: {
      start_command: 'node server.cjs',
      port,
      internal_port: internalPort,
      health_endpoint: '/healthz',
      drain_timeout_ms: 2_000,
      watch_ms: 0,
      standby_ms: 0,
      reconcile_interval_ms: 86_400_000,
      alert_webhook: alerts.url,
      ...options.contract,
    },
  });
  t.after(async () => {
    await greenroom.stop();
    const left = await endLeftovers(root);
    const log = left.length > 0 ? tail(greenroom.logFile) : '';
    rmSync(root, { recursive: true, force: true });
    await gitHub?.close();
    assert.deepEqual(left, [], `processes were left behind:\n${log}`);
    assert.deepEqual(gitHub?.violations ?? [], []);
    for (const each of [port, internalPort, apiPort, webhookPort]) await assertPortFree(each);
  });

  const layout = layoutOf(data);
  const operator = createClient({ socket: layout.operatorSocket });
  const agent = createClient({ socket: layout.agentSocket });
  let deliveries = 0;
  const version = (folder: string, behaviour: Behaviour, files: Record<string, string>): string =>
    commitFiles(folder, { 'behaviour.json': JSON.stringify(behaviour), ...files }, behaviour.name ?? 'Change');

  async function deliverEvent(event: string, payload: object, id: string, headers: Record<string, string>): Promise<Answered> {
    const body = JSON.stringify(payload);
    const usual = { 'content-type': 'application/json', 'x-github-event': event, 'x-github-delivery': id };
    return post(webhookPort, { ...usual, 'x-hub-signature-256': await sign(SECRET, body), ...headers }, body);
  }

  const nextId = (): string => {
    deliveries += 1;
    return `22222222-0000-0000-0000-${String(deliveries).padStart(12, '0')}`;
  };

  const rig: ReconcileRig = {
    ...greenroom,
    ...{ root, port, layout, server, human, origin, gitHub, alerts },
    push(behaviour = {}, files = {}) {
      const commit = version(human, behaviour, files);
      git(human, 'push', '-q', 'origin', 'HEAD:main');
      gitHub?.commits.add(commit);
      return commit;
    },
    makeWorkspace() {
      git(data, 'clone', '-q', origin, 'workspace');
      git(layout.workspace, 'checkout', '-q', '-b', 'machine', 'origin/main');
    },
    work(behaviour = {}, files = {}) {
      const commit = version(layout.workspace, behaviour, files);
      gitHub?.commits.add(commit);
      return commit;
    },
    agentDeploys: async (commit) => (await agent.deploy({ commit })) as DeploySuccess | Refusal,
    published(branch) {
      const found = git(origin, 'for-each-ref', '--format=%(objectname)', `refs/heads/${branch}`);
      return found;
    },
    status: () => greenroom.client.status(),
    async reconcile(dryRun = false) {
      const answer = await operator.reconcile({ dry_run: dryRun });
      assert.ok(answer.success, JSON.stringify(answer));
      return answer.drift;
    },
    drift: async (name) => (await rig.status()).drift.find((it) => it.name === name),
    deliver(id = nextId(), headers = {}, more = {}) {
      const push = {
        ...examples.push_branch,
        ref: 'refs/heads/main',
        after: git(human, 'rev-parse', 'HEAD'),
        repository: repository(),
        ...more,
      };
      return deliverEvent('push', push, id, headers);
    },
    async told() {
      const id = nextId();
      const { status } = await rig.deliver(id, {}, { compare: id });
      assert.equal(status, 202);
      await until(
        () => existsSync(join(data, 'deliveries.json')) && readFileSync(join(data, 'deliveries.json'), 'utf8').includes(id),
        () => `delivery ${id} is not dealt with:\n${tail(greenroom.logFile)}`,
      );
    },
    merged(headSha) {
      const recorded = examples.pull_request_closed['pull_request'] as Record<string, object>;
      const branch = (ref: string, sha: string) => ({ ...recorded['head'], ref, sha, repo: repository() });
      const pull = {
        ...recorded,
        merged: true,
        head: branch('machine', headSha),
        base: branch('main', headSha),
        merge_commit_sha: headSha,
      };
      return deliverEvent('pull_request', { ...examples.pull_request_closed, pull_request: pull, repository: repository() }, nextId(), {});
    },
    async becomesLive(commit) {
      await until(
        async () => (await rig.status()).live_commit === commit,
        () => `${commit} is not live:\n${tail(greenroom.logFile)}`,
      );
      await rig.settles();
    },
    async settles() {
      let status = await rig.status();
      await until(
        async () => {
          status = await rig.status();
          const working = status.deploys.some((it) => it.steps.some((step) => step.status === 'running' && step.step !== 'watch'));
          return status.attempt === null && status.queue.length === 0 && !working;
        },
        () => `still at work:\n${tail(greenroom.logFile)}`,
      );
      return status;
    },
    attempts: async () => (await greenroom.client.deploys({ limit: 100 })).reverse(),
    attemptsOf: async (commit) => (await rig.attempts()).filter((it) => it.commit === commit).map((it) => `${it.status} by ${it.trigger}`),
    alerted: () => alerts.received.map(({ body }) => `${body['status'] === 'resolved' ? '-' : ''}${String(body['kind'])}`),
    log: () => readFileSync(greenroom.logFile, 'utf8'),
  };
  await rig.start();
  return rig;
}

const repository = () => ({ ...(examples.push_branch['repository'] as object), full_name: 'acme/shop', name: 'shop' });

/** A bare repository `acme/shop.git` with one commit of the app on main, and a person's clone of it. */
function makeOrigin(root: string): { origin: string; human: string } {
  const [origin, human] = [join(root, 'git', 'acme', 'shop.git'), join(root, 'human')];
  mkdirSync(origin, { recursive: true });
  git(origin, 'init', '-q', '--bare', '-b', 'main');
  git(origin, 'config', 'http.receivepack', 'true');
  git(root, 'clone', '-q', origin, 'human');
  git(human, 'checkout', '-q', '-b', 'main');
  commitFiles(human, { 'server.cjs': SERVER, '.gitignore': '/data\n/ignored.txt\n' }, 'Begin');
  git(human, 'push', '-q', 'origin', 'main');
  return { origin, human };
}

/** The git server says no to every push from now on, with these words; without words it takes them again. */
export function refusePushes({ origin }: ReconcileRig, words: string): void {
  const hook = join(origin, 'hooks', 'pre-receive');
  mkdirSync(join(origin, 'hooks'), { recursive: true });
  rmSync(hook, { force: true });
  if (words === '') return;
  writeFileSync(hook, `#!/bin/sh\necho '${words}'\nexit 1\n`);
  chmodSync(hook, 0o755);
}

/** A tmpfs of that size in megabytes, unmounted at the end of the test. */
export function mountTmpfs(t: TestContext, folder: string, megabytes: number): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  t.after(() => execFileSync('umount', ['-l', folder]));
}
