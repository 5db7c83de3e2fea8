/** The predecessor's side of a hand-over: starts the proxy that is to take this one's place, and gives it what is needed for that. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:net';
import type { ProxyInFlight } from '@greenroom/sdk/proxy';
import type { Apps } from '../apps.ts';
import type { Parsed } from '../bodies.ts';
import { keptSockets } from '../kept-sockets.ts';
import { openSocket } from '../listening.ts';
import { type Ask, FORMAT, type FromPredecessor, type FromSuccessor } from './messages.ts';

/** For all of a hand-over; until then the old one is in charge. */
const READY_LIMIT_MS = 10_000;

export interface HandOver {
  /** Program and words up to the option that makes it a successor. */
  command: readonly string[];
  cwd: string;
  apps: Apps;
  control: {
    /** Takes no more calls. */
    leave(): void;
    /** Is there again under its name. */
    comeBack(): Promise<void>;
  };
  lock: {
    release(): void;
    /** False when somebody else has it by now. */
    takeBack(): boolean;
  };
  log: (line: string) => void;
}

export interface Successor {
  pid: number;
  version: string;
  /** Resolves when it is gone. */
  gone: Promise<void>;
  /** Tells it that nothing is in flight here any more. */
  bye(): Promise<void>;
}

/** Answers the successor once it has taken over. Until then everything is as it was, and stays so when it fails: the error says why it did. */
export async function handOver({ command, cwd, apps, control, lock, log }: HandOver): Promise<Parsed<Successor>> {
  const [program = process.execPath, ...words] = command;
  const child = spawn(program, [...words, '--take-over', String(FORMAT)], {
    cwd,
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const { heard, lost, version, drains } = listen(child, apps);
  const late = setTimeout(() => lost.reject(new Error(`it was not ready within ${READY_LIMIT_MS / 1_000} s`)), READY_LIMIT_MS);
  const hear = (what: keyof typeof heard): Promise<void> => Promise.race([heard[what].promise, lost.promise]);
  let begun = false;
  let released = false;
  try {
    await hear('prepared');
    await apps.hold(async () => {
      try {
        begun = true;
        say(child, { say: 'go', kept: keptSockets().map(({ port, host, name }) => ({ port, host, name })) });
        await hear('serving');
        control.leave();
        lock.release();
        released = true;
        say(child, { say: 'released' });
        await hear('owner');
        apps.handedOver();
      } catch (error) {
        await end(child);
        if (released && !lock.takeBack()) throw new Error('another proxy has the lock by now', { cause: error });
        if (begun) await control.comeBack();
        throw error;
      }
    });
  } catch (error) {
    await end(child);
    log(`the successor did not take over: ${(error as Error).message}; this proxy goes on`);
    return { ok: false, error: (error as Error).message };
  } finally {
    clearTimeout(late);
  }
  const gone = child.connected ? once(child, 'disconnect').then(() => undefined) : Promise.resolve();
  return { ok: true, value: { pid: child.pid ?? 0, version: version(), gone, bye: () => bye(child, drains) } };
}

interface Heard {
  heard: Record<'prepared' | 'serving' | 'owner', PromiseWithResolvers<void>>;
  /** Rejects with why it will not take over. */
  lost: PromiseWithResolvers<never>;
  version: () => string;
  drains: Drains;
}

/** Those that the successor waits for, by the number of its question. */
type Drains = Map<number, { abort: AbortController; answered: Promise<unknown> }>;

function listen(child: ChildProcess, apps: Apps): Heard {
  const heard = { prepared: Promise.withResolvers<void>(), serving: Promise.withResolvers<void>(), owner: Promise.withResolvers<void>() };
  const lost = Promise.withResolvers<never>();
  // Nobody may be listening when it comes.
  lost.promise.catch(() => undefined);
  const drains: Drains = new Map();
  let version = '';
  child.once('error', (error) => lost.reject(new Error(`it could not be started: ${error.message}`)));
  child.once('exit', (code, signal) => lost.reject(new Error(`it ended (${signal ?? `code ${code}`}); the log says more`)));
  child.on('message', (message: FromSuccessor) => {
    if (message.say === 'ask') void answer(child, message, apps, drains);
    else if (message.say === 'failed') lost.reject(new Error(message.error));
    else {
      if (message.say === 'owner') version = message.version;
      heard[message.say].resolve();
    }
  });
  return { heard, lost, version: () => version, drains };
}

async function answer(child: ChildProcess, ask: Ask, apps: Apps, drains: Drains): Promise<void> {
  const { id } = ask;
  const tell = (value: unknown, socket?: Server): void => say(child, { say: 'answer', id, answer: value }, socket);
  switch (ask.ask) {
    case 'socket': {
      const socket = openSocket(ask.port, ask.host);
      return tell(socket !== undefined, socket);
    }
    case 'follow':
      await apps.follow(new Map(Object.entries(ask.apps)));
      return tell(null);
    case 'drain': {
      const abort = new AbortController();
      const answered = apps.drain(ask.app, ask.body, abort.signal);
      drains.set(id, { abort, answered });
      const drained = await answered;
      drains.delete(id);
      return tell(drained.ok ? drained.value : { drained: true, closed_streams: 0, abandoned_requests: 0 });
    }
    case 'abort':
      drains.get(ask.drain)?.abort.abort();
      return tell(null);
    case 'in_flight': {
      const byApp: Record<string, ProxyInFlight[]> = {};
      for (const { app, in_flight } of await apps.status()) byApp[app] = in_flight;
      return tell(byApp);
    }
    default:
      return ask satisfies never;
  }
}

/** What cannot be sent is found by the end of the channel. */
function say(child: ChildProcess, message: FromPredecessor, socket?: Server): void {
  if (child.connected) child.send(message, socket, {}, () => undefined);
}

/** Not before every drain is answered: that nothing is in flight any more ends them, but a worker may say it later than that it has retired. */
async function bye(child: ChildProcess, drains: Drains): Promise<void> {
  if (!child.connected) return;
  await Promise.allSettled([...drains.values()].map((it) => it.answered));
  await new Promise<void>((resolve) => child.send({ say: 'bye' } satisfies FromPredecessor, () => resolve()));
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
