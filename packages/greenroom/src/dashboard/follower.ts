import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, type GreenroomClient, GreenroomUnreachable } from '@greenroom/sdk/client';
import type { DashboardApp } from '@greenroom/sdk/dashboard';

/** Between two tries to reach an orchestrator that is not there. */
const TRY_AGAIN_MS = 1_500;
/** Health changes without an event. */
const LOOK_EVERY_MS = 3_000;
/** A deploy's events come in bursts: one look for all of them. */
const GATHER_MS = 40;
/** An orchestrator that takes longer than that to say how it is hangs. */
const STATUS_TIMEOUT_MS = 5_000;

/** An app as the registry has it. */
export interface FleetEntry {
  name: string;
  data: string;
  repo: string;
  /** The operator's socket of its orchestrator. */
  socket: string;
  addresses: string[];
  ended: DashboardApp['ended'];
  note: string;
}

export interface Follower {
  entry: FleetEntry;
  client: GreenroomClient;
  app(): DashboardApp;
  /** What the registry says of the same app by now. */
  update(entry: FleetEntry): void;
  close(): Promise<void>;
}

export interface FollowOptions {
  entry: FleetEntry;
  /** What `app` answers is another now. */
  changed(): void;
  log(message: string): void;
}

/** Follows one app's orchestrator, over its restarts. What was known stays known while it is away. */
export function followApp({ entry, changed, log }: FollowOptions): Follower {
  const { name, data, repo, socket, addresses, ended: end, note } = entry;
  const client = createClient({ socket });
  const ended = new AbortController();
  const { signal } = ended;
  let app: DashboardApp = { name, data, repo, addresses, ended: end, note, reach: 'asking', problem: '', status: null, seen_at: '' };
  let looking: NodeJS.Timeout | undefined;
  let soon = false;
  let connected = false;
  let complaint = '';

  function set(change: Partial<DashboardApp>): void {
    const before = JSON.stringify({ ...app, seen_at: '' });
    app = { ...app, ...change };
    if (JSON.stringify({ ...app, seen_at: '' }) !== before) changed();
  }

  function lookIn(delayMs: number): void {
    if (soon || signal.aborted) return;
    soon = delayMs < LOOK_EVERY_MS;
    clearTimeout(looking);
    looking = setTimeout(() => void look(), delayMs).unref();
  }

  async function look(): Promise<void> {
    soon = false;
    try {
      const status = await client.status({ signal: AbortSignal.any([signal, AbortSignal.timeout(STATUS_TIMEOUT_MS)]) });
      if (signal.aborted) return;
      set({ reach: 'up', problem: '', status, seen_at: new Date().toISOString() });
      complaint = '';
      lookIn(LOOK_EVERY_MS);
    } catch (error) {
      away(error);
      // One that hangs may come to itself, and nobody would tell.
      if (connected) lookIn(LOOK_EVERY_MS);
    }
  }

  function away(error: unknown): void {
    if (signal.aborted) return;
    clearTimeout(looking);
    soon = false;
    const problem = problemOf(error);
    if (!(error instanceof GreenroomUnreachable) && problem !== complaint) log(`${name}: ${problem}`);
    complaint = problem;
    set({ reach: 'away', problem });
  }

  function onConnect(): void {
    connected = true;
    lookIn(0);
  }

  async function follow(): Promise<void> {
    while (!signal.aborted) {
      try {
        const events = client.events({ signal, giveUpAfterMs: 0, onConnect });
        for await (const _ of events) lookIn(GATHER_MS);
      } catch (error) {
        connected = false;
        away(error);
      }
      await pause(signal);
    }
  }

  const following = follow();
  return {
    entry,
    client,
    app: () => app,
    update: (now) => set({ repo: now.repo, addresses: now.addresses, ended: now.ended, note: now.note }),
    async close() {
      ended.abort();
      clearTimeout(looking);
      await following;
    },
  };
}

function problemOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError')
    return `Its orchestrator did not say how it is within ${STATUS_TIMEOUT_MS / 1_000} s.`;
  return error instanceof Error ? error.message : String(error);
}

async function pause(signal: AbortSignal): Promise<void> {
  try {
    await sleep(TRY_AGAIN_MS, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
