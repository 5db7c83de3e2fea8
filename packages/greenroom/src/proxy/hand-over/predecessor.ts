/** The successor's side of a hand-over: this process was started by the proxy that it replaces. */
import { once } from 'node:events';
import type { Server } from 'node:net';
import type { ProxyDrainBody, ProxyDrainResult, ProxyInFlight } from '@greenroom/sdk/proxy';
import type { KeptSocket } from '../kept-sockets.ts';
import type { SocketSource } from '../listening.ts';
import type { SavedApp } from '../store.ts';
import type { Ask, AskName, Asks, FromPredecessor, FromSuccessor } from './messages.ts';

/** A predecessor that takes longer to follow a change is killed: it must never serve a stopped instance. Less than an orchestrator waits for the proxy. */
const FOLLOW_LIMIT_MS = 3_000;

/** The proxy before this one. It keeps what it has in flight until that ends, and is asked about it; once it is gone, it has nothing. */
export interface Predecessor {
  /** Resolves when nothing changes there any more, with the sockets that it has and keeps for somebody. All three resolve too when it dies: then everything is this process's anyway. */
  prepared(): Promise<KeptSocket[]>;
  /** Resolves when the lock is free. */
  serving(): Promise<void>;
  owner(version: string): void;
  failed(error: string): void;
  readonly sockets: SocketSource;
  /** Resolves when it acts on nothing else any more. */
  follow(apps: ReadonlyMap<string, SavedApp>): Promise<void>;
  /** Null when it has nothing in flight for anybody. */
  drain(app: string, body: ProxyDrainBody, signal: AbortSignal): Promise<ProxyDrainResult | null>;
  /** By app. */
  inFlight(): Promise<Record<string, ProxyInFlight[]>>;
  /** Resolves when it is gone. */
  readonly gone: Promise<void>;
}

const CUT: ProxyDrainResult = { drained: false, closed_streams: 0, abandoned_requests: 0 };

export function meetPredecessor(): Predecessor {
  const pid = process.ppid;
  const waiting = new Map<number, (answer: unknown, socket?: Server) => void>();
  const go = Promise.withResolvers<KeptSocket[]>();
  const released = Promise.withResolvers<void>();
  const gone = once(process, 'disconnect').then(() => undefined);
  let lastId = 0;
  let inOrder = false;

  process.on('message', (message: FromPredecessor, socket?: Server) => {
    if (message.say === 'answer') {
      const settle = waiting.get(message.id);
      waiting.delete(message.id);
      settle?.(message.answer, socket);
    } else if (message.say === 'bye') inOrder = true;
    else if (message.say === 'go') go.resolve((message.kept ?? []).map((socket) => ({ ...socket, holder: null })));
    else released.resolve();
  });
  void gone.then(() => {
    go.resolve([]);
    released.resolve();
    for (const settle of waiting.values()) settle(null);
    waiting.clear();
  });

  function say(message: FromSuccessor): void {
    // It fails when the predecessor is gone, which 'disconnect' says too.
    if (process.connected) process.send?.(message, undefined, {}, () => undefined);
  }

  /** `settle` is called in the same turn in which the answer came; with null when none will come. */
  function send<Name extends AskName>(ask: Name, of: Asks[Name]['of'], settle: (answer: unknown, socket?: Server) => void): number {
    lastId += 1;
    if (!process.connected) settle(null);
    else {
      waiting.set(lastId, settle);
      say({ say: 'ask', id: lastId, ask, ...of } as Ask);
    }
    return lastId;
  }

  function ask<Name extends AskName>(name: Name, of: Asks[Name]['of']): Promise<Asks[Name]['answer'] | null> {
    return new Promise((resolve) => send(name, of, (answer) => resolve(answer as Asks[Name]['answer'] | null)));
  }

  return {
    prepared: () => {
      say({ say: 'prepared' });
      return go.promise;
    },
    serving: () => {
      say({ say: 'serving' });
      return released.promise;
    },
    owner: (version) => say({ say: 'owner', version }),
    failed: (error) => say({ say: 'failed', error }),
    sockets: (port, host, take) =>
      new Promise((resolve) => {
        send('socket', { port, host }, (answer, socket) => {
          if (answer === true && socket) take(socket);
          resolve(answer === true && socket !== undefined);
        });
      }),
    async follow(apps) {
      const late = setTimeout(() => process.kill(pid, 'SIGKILL'), FOLLOW_LIMIT_MS);
      await ask('follow', { apps: Object.fromEntries(apps) });
      clearTimeout(late);
    },
    drain(app, body, signal) {
      if (!process.connected) return Promise.resolve(null);
      return new Promise((resolve) => {
        const onAbort = (): void => void send('abort', { drain: id }, () => undefined);
        const id = send('drain', { app, body }, (answer) => {
          signal.removeEventListener('abort', onAbort);
          // What it had in flight when it died was cut.
          resolve((answer as ProxyDrainResult | null) ?? (inOrder ? null : CUT));
        });
        signal.addEventListener('abort', onAbort);
        if (signal.aborted) onAbort();
      });
    },
    inFlight: async () => (await ask('in_flight', {})) ?? {},
    gone,
  };
}
