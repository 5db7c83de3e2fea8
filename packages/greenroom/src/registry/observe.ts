import { stat } from 'node:fs/promises';
import { createClient } from '@greenroom/sdk/client';
import { MAX_SOCKET_PATH_BYTES, type Status } from '@greenroom/sdk/wire';
import { layoutOf } from '../orchestrator/layout.ts';
import { isAlive, type ProcessIdentity, readBootId } from '../proc.ts';
import { type LastState, listApps, type RegisteredApp, type Registry, readEntry } from './index.ts';
import { runningOrchestrator } from './running.ts';

/**
 * What an app is found to be: `LastState`, or `crashed`: its orchestrator ended without a word (the app itself may serve on), or `stale`: the entry
 * describes nothing that could be started any more.
 */
export type AppState = LastState | 'crashed' | 'stale';

/** An app of the machine as it is now, or as it was last known. */
export interface AppView {
  app: RegisteredApp;
  state: AppState;
  /** Full id; empty when nothing is live. */
  live_commit: string;
  healthy: boolean;
  /** RFC 3339: when the live release went live, or since when the last known state holds; empty when neither is known. */
  since: string;
  /** Where visitors reach the app, as URLs; empty until its first start. */
  addresses: string[];
  /** The orchestrator's process; null when it does not run. */
  pid: number | null;
  /** Version of the Greenroom that runs it, or ran it last; empty when unknown. */
  version: string;
  /** Who says so: its orchestrator just now, or the registry from the last time. */
  source: 'orchestrator' | 'registry';
  /** What a person has to know beside the state, as a phrase; empty when nothing. */
  note: string;
  /** All that the orchestrator answered; null when it was not asked or did not answer. */
  status: Status | null;
}

export interface ObserveOptions {
  /** How long each orchestrator may take to answer, in milliseconds. All are asked at once. */
  timeoutMs?: number;
}

export const DEFAULT_OBSERVE_TIMEOUT_MS = 1_500;

/** Every registered app, by name, each asked over its operator socket. Never rejects because of one app. */
export async function observeApps(home: string, options: ObserveOptions = {}): Promise<{ apps: AppView[]; broken: Registry['broken'] }> {
  const { apps, broken } = await listApps(home);
  return { apps: await Promise.all(apps.map((app) => observeApp(app, options))), broken };
}

/** The same of one. */
export async function observeApp(app: RegisteredApp, { timeoutMs = DEFAULT_OBSERVE_TIMEOUT_MS }: ObserveOptions = {}): Promise<AppView> {
  const view = await viewUnasked(app);
  const status = view.pid === null ? null : await ask(app, timeoutMs);
  return status ? askedView(app, status, view.pid) : view;
}

/** The same as far as it can be told without the app's orchestrator; `pid` says whether that runs. */
export async function viewUnasked(app: RegisteredApp): Promise<AppView> {
  const whyStale = await staleness(app);
  if (whyStale) return { ...lastView(app), state: 'stale', healthy: false, note: whyStale };
  const running = await orchestratorOf(app);
  return running ? silentView(app, running) : endedView(app);
}

/** Why the entry describes nothing that could be started; empty when it does. */
export async function staleness(app: RegisteredApp): Promise<string> {
  const found = await stat(app.data).catch((error: NodeJS.ErrnoException) => error.code ?? 'unknown');
  if (found === 'ENOENT' || found === 'ENOTDIR') return `its data directory ${app.data} is gone`;
  if (typeof found === 'object' && !found.isDirectory()) return `its data directory ${app.data} is no folder`;
  const owner = await readEntry(layoutOf(app.data).app);
  return typeof owner === 'object' && owner.name !== app.name ? `its data directory ${app.data} belongs to "${owner.name}" now` : '';
}

/** The process that runs the app now, proven by more than its pid. */
async function orchestratorOf(app: RegisteredApp): Promise<ProcessIdentity | undefined> {
  // A pid file that cannot be read is another user's: then the registry's own record decides.
  const running = await runningOrchestrator(layoutOf(app.data)).catch(() => undefined);
  const recorded = app.last?.orchestrator;
  return running ?? (recorded && isAlive(recorded) ? recorded : undefined);
}

/** Null when nothing answers in time, and when what answers is not this app's orchestrator. */
async function ask(app: RegisteredApp, timeoutMs: number): Promise<Status | null> {
  const socket = layoutOf(app.data).operatorSocket;
  if (Buffer.byteLength(socket) > MAX_SOCKET_PATH_BYTES) return null;
  const status = await createClient({ socket })
    .status({ signal: AbortSignal.timeout(timeoutMs) })
    .catch(() => null);
  return status?.app === app.name ? status : null;
}

function askedView(app: RegisteredApp, status: Status, pid: number | null): AppView {
  const { live_commit, last_deploy_time, version, restart, drift } = status;
  // An app that is well, but to which no request comes: its proxy has ended, for example.
  const mismatch = drift.find(({ name }) => name === 'live_mismatch')?.detail ?? '';
  const healthy = status.healthy && mismatch === '';
  const note = restart ? `restart ${restart.attempt}: the instance ${restart.last_exit}` : mismatch;
  const state = healthy ? 'live' : live_commit ? 'unhealthy' : 'idle';
  const addresses = app.last?.addresses ?? [`http://localhost:${status.port}/`];
  return { app, state, live_commit, healthy, since: last_deploy_time, addresses, pid, version, source: 'orchestrator', note, status };
}

function silentView(app: RegisteredApp, { pid }: ProcessIdentity): AppView {
  const view = lastView(app);
  const own = app.last?.orchestrator?.pid === pid;
  // What a process before it wrote says nothing of this one.
  const state = own ? view.state : 'starting';
  const note = state === 'starting' ? 'not ready yet' : 'its orchestrator does not answer; this is the last known state';
  return { ...view, state, pid, note };
}

function endedView(app: RegisteredApp): AppView {
  const view = lastView(app);
  const { last } = app;
  if (!last) return { ...view, note: 'never started' };
  const failed = last.problem && `could not start: ${last.problem}`;
  if (!last.orchestrator) return { ...view, healthy: false, note: failed };
  const { pid, boot_id } = last.orchestrator;
  const ended = boot_id === readBootId() ? `its orchestrator (process ${pid}) ended without a word` : 'the machine was restarted';
  return { ...view, state: 'crashed', healthy: false, note: failed || ended };
}

function lastView(app: RegisteredApp): AppView {
  const { last } = app;
  return {
    app,
    state: last?.state ?? 'stopped',
    live_commit: last?.live_commit ?? '',
    healthy: last?.state === 'live',
    since: last?.time ?? '',
    addresses: last?.addresses ?? [],
    pid: null,
    version: last?.version ?? '',
    source: 'registry',
    note: '',
    status: null,
  };
}
