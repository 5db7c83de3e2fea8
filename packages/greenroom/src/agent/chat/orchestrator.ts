import { setTimeout as sleep } from 'node:timers/promises';
import type { ChatState } from '@greenroom/sdk/chat';
import { type GreenroomClient, GreenroomUnreachable } from '@greenroom/sdk/client';
import type { EventMessage } from '@greenroom/sdk/wire';
import type { Transcript } from '../transcript.ts';

/** Between two tries to reach an orchestrator that is not there. */
const TRY_AGAIN_MS = 1_000;
/** Health changes without an event. */
const LOOK_EVERY_MS = 10_000;
/** A deploy's events come in bursts: one look for all of them. */
const GATHER_MS = 100;

export interface Follower {
  /** The orchestrator's word on the app, as last heard; null while it is away. */
  app(): ChatState['app'];
  close(): Promise<void>;
}

export interface FollowOptions {
  client: Pick<GreenroomClient, 'events' | 'status'>;
  transcript: Pick<Transcript, 'appendAttempt'>;
  /** What `app` answers is another now. */
  changed(): void;
  log(message: string): void;
}

/**
 * Follows the orchestrator as long as the service runs: how the app is, and every attempt that a conversation asked for into that conversation.
 * It begins with all events that the orchestrator still has, so that what happened meanwhile is not missed.
 */
export function followOrchestrator({ client, transcript, changed, log }: FollowOptions): Follower {
  const ended = new AbortController();
  const { signal } = ended;
  let app: ChatState['app'] = null;
  let lastSeq = 0;
  let connected = false;
  let looking: NodeJS.Timeout | undefined;
  let complaint = '';

  function set(next: ChatState['app']): void {
    if (JSON.stringify(next) === JSON.stringify(app)) return;
    app = next;
    changed();
  }

  function lost(): void {
    connected = false;
    clearTimeout(looking);
    looking = undefined;
    set(null);
  }

  function lookSoon(delayMs: number): void {
    clearTimeout(looking);
    looking = setTimeout(() => void look(), delayMs).unref();
  }

  async function look(): Promise<void> {
    try {
      const status = await client.status({ signal });
      const { live_commit, previous_commit, healthy, attempt, freeze } = status;
      if (connected) set({ live_commit, previous_commit, healthy, deploying: attempt?.commit ?? '', frozen: freeze !== null });
      complaint = '';
    } catch (error) {
      complain(error);
    }
    if (connected) lookSoon(LOOK_EVERY_MS);
  }

  /** Said once, until it is over. That the orchestrator is away is seen in the chat and needs no words. */
  function complain(error: unknown): void {
    if (signal.aborted || error instanceof GreenroomUnreachable) return;
    const message = error instanceof Error ? error.message : String(error);
    if (message !== complaint) log(`The orchestrator cannot be followed: ${message}`);
    complaint = message;
  }

  function take({ seq, attempts }: EventMessage): void {
    for (const attempt of attempts) {
      if (attempt.origin) transcript.appendAttempt(attempt.origin, seq, attempt);
    }
    lastSeq = seq;
    lookSoon(GATHER_MS);
  }

  async function follow(): Promise<void> {
    while (!signal.aborted) {
      try {
        const onConnect = (): void => {
          connected = true;
          lookSoon(0);
        };
        for await (const message of client.events({ lastEventId: lastSeq, signal, onConnect, onDisconnect: lost })) take(message);
      } catch (error) {
        complain(error);
      }
      lost();
      await pause(TRY_AGAIN_MS, signal);
    }
  }

  const following = follow();
  return {
    app: () => app,
    async close() {
      ended.abort();
      clearTimeout(looking);
      await following;
    },
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
