/**
 * The chat service: what browsers see of the transcript, over HTTP as `@greenroom/sdk/chat` describes it. It holds nothing of its own, so that it
 * may be killed and started again at any time.
 */
import type { ChatState, ChatTurn } from '@greenroom/sdk/chat';
import type { GreenroomClient } from '@greenroom/sdk/client';
import { createChanges } from '../changes.ts';
import { type Listening, listenOnPort, listenOnSocket } from '../listen.ts';
import type { Assets } from '../ui-files.ts';
import type { Listener } from './chat/access.ts';
import { type ChatAppOptions, createChatApp } from './chat/app.ts';
import type { AskApp } from './chat/endpoint.ts';
import { createLimits } from './chat/limits.ts';
import { followOrchestrator } from './chat/orchestrator.ts';
import type { Tokens } from './chat/tokens.ts';
import { keepTurns } from './chat/turn-keeper.ts';
import type { Transcript, Turn } from './transcript.ts';

export { CannotListenError } from '../listen.ts';
export { type AppAddress, createAskApp } from './chat/endpoint.ts';
export { createTokens, MIN_TOKEN_CHARACTERS, type TokenValues, tokenProblems } from './chat/tokens.ts';

export interface ChatOptions
  extends Pick<ChatAppOptions, 'app' | 'chatPath' | 'agent' | 'approval' | 'mayBeginTurn' | 'log' | 'heartbeatMs'> {
  transcript: Transcript;
  /** A client of the operator's socket. */
  client: GreenroomClient;
  assets: Assets;
  /** How callers from outside prove who they are; without either, nobody does. */
  access: { tokens: Tokens | null; askApp: AskApp | null };
  /** Where to listen; the caller holds the locks of the sockets. */
  listen: {
    /** For the proxy. */
    socket?: string;
    /** The proxy is another user's, as Caddy and nginx are. */
    foreignProxy?: boolean;
    /** For the app, which names its callers. */
    appSocket?: string;
    /** `open`: whoever reaches it may do everything. */
    tcp?: { host: string; port: number; open: boolean };
  };
  /** Starts a process that takes the next turn, and does not wait for it. */
  startRunner(): void;
  /** Marks the turn of a dead runner as interrupted and clears up after it. */
  reap(): Promise<unknown>;
  /** Conversations without a word for so many days are removed; 0 keeps them. */
  keepDays?: number;
  messagesPerMinute?: number;
  requestsPerMinute?: number;
}

export interface ChatService {
  /** Of the TCP listener; 0 without one. */
  port: number;
  /** Ends streams so that browsers come back, and waits for answers under way. The transcript stays open. */
  close(): Promise<void>;
}

/** Rejects with `CannotListenError` when it cannot listen. */
export async function serveChat(options: ChatOptions): Promise<ChatService> {
  const { transcript, client, log } = options;
  const changes = createChanges();
  const follower = followOrchestrator({ client, transcript, changed: changes.changed, log });
  const keeper = keepTurns({ transcript, reap: options.reap, startRunner: options.startRunner, log });
  const state = cachedState(transcript, changes.version, follower.app);
  const unwatch = transcript.watch(changes.changed);
  const { keepDays = 0 } = options;
  const stopForgetting = keepDays > 0 ? forgetOld(transcript, keepDays, log) : undefined;
  const shared: ChatAppOptions = {
    ...options,
    chatPath: options.chatPath.replace(/\/+$/, ''),
    changes,
    state,
    limits: createLimits(options),
    startRunner() {
      keeper.started();
      options.startRunner();
    },
  };
  const listening: Listening[] = [];

  async function close(): Promise<void> {
    unwatch();
    stopForgetting?.();
    changes.close();
    await Promise.all([...listening.map((it) => it.close()), follower.close(), keeper.close()]);
  }

  try {
    const { socket, foreignProxy = false, appSocket, tcp } = options.listen;
    const serving = (listener: Listener, loopback = false) => createChatApp(shared, listener, loopback).fetch;
    if (socket !== undefined) listening.push(await listenOnSocket('chat', serving('proxy'), socket, foreignProxy ? 'everyone' : 'user'));
    if (tcp) listening.push(await listenOnPort('chat', serving(tcp.open ? 'open' : 'tcp', isLoopback(tcp.host)), tcp.host, tcp.port));
    // Last: who waits for it takes it for a sign that everything is there.
    if (appSocket !== undefined) listening.push(await listenOnSocket('chat', serving('app'), appSocket));
  } catch (error) {
    await close();
    throw error;
  }
  return { port: listening.find((it) => it.port > 0)?.port ?? 0, close };
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** At the start and every hour; answers a function that ends it. */
function forgetOld(transcript: Pick<Transcript, 'prune'>, keepDays: number, log: (message: string) => void): () => void {
  const forget = (): void => {
    try {
      const removed = transcript.prune(new Date(Date.now() - keepDays * DAY_MS));
      if (removed > 0) log(`Removed ${removed} conversations without a word for ${keepDays} days.`);
    } catch (error) {
      log(`Old conversations could not be removed: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  forget();
  const timer = setInterval(forget, HOUR_MS).unref();
  return () => clearInterval(timer);
}

/** Addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Read once per change, however many streams show it. */
function cachedState(transcript: Transcript, version: () => number, app: () => ChatState['app']): () => ChatState {
  let known: { version: number; state: ChatState } | undefined;
  return () => {
    const current = version();
    if (known?.version === current) return known.state;
    const running = transcript.running();
    const state = { running: running && shown(running), queued: transcript.queued().map(shown), app: app() };
    known = { version: current, state };
    return state;
  };
}

function shown({ id, conversation, status, user, text, created_at }: Turn): ChatTurn {
  return { id, conversation, status, user, text, created_at };
}
