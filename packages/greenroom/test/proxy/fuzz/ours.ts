/** The real client and exchange of the data path between sockets that are none: bytes in, bytes out, and what became of each connection. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { AppConnection, AppUser } from '../../../src/proxy/splice/app-connections.ts';
import { Client } from '../../../src/proxy/splice/client.ts';
import { Exchange } from '../../../src/proxy/splice/exchange.ts';
import { DEFAULT_LIMITS } from '../../../src/proxy/splice/limits.ts';
import { type Reached, watchClient } from './reached.ts';

export type Ending = 'open' | 'ended' | 'cut' | 'reset';

const nothing = (): undefined => undefined;

/** What is used of a socket. */
class Wire extends EventEmitter {
  written: Buffer[] = [];
  ending: Ending = 'open';
  destroyed = false;
  writable = true;
  writableNeedDrain = false;
  writableLength = 0;
  remoteAddress = '127.0.0.1';
  localAddress = '127.0.0.1';
  localPort = 80;
  paused = false;
  write(data: string | Buffer, encoding?: unknown): boolean {
    if (!this.destroyed)
      this.written.push(typeof data === 'string' ? Buffer.from(data, encoding === 'latin1' ? 'latin1' : 'utf8') : Buffer.from(data));
    return true;
  }
  end(): void {
    if (this.ending === 'open') this.ending = 'ended';
  }
  destroySoon(): void {
    this.end();
    this.destroy();
  }
  destroy(): void {
    this.#close('cut');
  }
  resetAndDestroy(): void {
    this.#close('reset');
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  isPaused(): boolean {
    return this.paused;
  }
  cork = nothing;
  uncork = nothing;
  setKeepAlive = nothing;
  setTimeout = nothing;
  #close(how: Ending): void {
    if (this.destroyed) return;
    this.destroyed = true;
    if (this.ending === 'open') this.ending = how;
    this.emit('close');
  }
}

/** One request as the app's connection got it. */
export interface Lent {
  bytes: Buffer;
  /** All of the request was sent. */
  whole: boolean;
  /** The connection was given back, for another request. */
  givenBack: boolean;
}

export interface Seen {
  lent: Lent[];
  /** What the client got. */
  answer: Buffer;
  ending: Ending;
  /** Flights that were not ended; it must be none. */
  open: number;
}

export interface Script {
  /** The client's bytes, in pieces. */
  client: readonly Buffer[];
  /** The app's answer to each request, in pieces; and whether it ends its connection then. */
  app: { pieces: readonly Buffer[]; ends: boolean };
  /** Whether the app answers as soon as it has a head. */
  eager: boolean;
}

/** In front of what is read: enough for some heads, and not for others. */
const ROOM = 100;

/** Gives bytes in memory that is used for the next ones at once, unless it is still needed: whatever else is kept of it shows. */
function give({ user }: AppConnection, piece: Buffer): void {
  const memory = Buffer.allocUnsafe(ROOM + piece.length);
  piece.copy(memory, ROOM);
  if (!user?.onData(memory.subarray(ROOM), ROOM)) memory.fill('\0');
}

export function run({ client: pieces, app, eager }: Script, reached?: Reached): Seen {
  const wire = new Wire();
  const lent: (Lent & { wire: Wire; connection: AppConnection; user: AppUser; answered: boolean })[] = [];
  let open = 0;
  const destination = {
    instance: 'i',
    host: 'h',
    port: 1,
    begin: () => {
      let over = false;
      open += 1;
      return {
        answered: () => undefined,
        stream: () => undefined,
        end: () => {
          if (!over) open -= 1;
          over = true;
        },
      };
    },
  };
  const client = new Client(wire as unknown as Socket, {
    pick: () => destination,
    onFailure: () => undefined,
    limits: DEFAULT_LIMITS,
    closing: () => false,
    closed: () => false,
    apps: {
      lend: (_destination, _need, user) => {
        const appWire = new Wire();
        const socket = appWire as unknown as Socket;
        const connection: AppConnection = {
          socket,
          pool: { idle: [], retired: false },
          user,
          connected: true,
          broken: false,
          reused: false,
          idleUntil: 0,
          told: false,
          isStream: false,
        };
        lent.push({ wire: appWire, connection, user, whole: false, givenBack: false, answered: false, bytes: Buffer.alloc(0) });
        appWire.on('end', () => connection.user?.onEnd());
        appWire.once('close', () => {
          const { user: last } = connection;
          connection.user = null;
          last?.onClose();
        });
        return connection;
      },
      giveBack: (connection) => {
        connection.user = null;
        const found = lent.find((each) => each.connection === connection);
        if (found) found.givenBack = true;
      },
      forget: () => undefined,
    },
  });
  if (reached) watchClient(client, reached);
  wire.on('data', (bytes: Buffer) => client.onData(bytes));
  wire.on('end', () => client.onEnd());
  wire.once('close', () => client.onClose());
  const answerAll = (): void => {
    // Each answer may let another request begin.
    for (let i = 0; i < lent.length; i += 1) {
      const each = lent[i] as (typeof lent)[number];
      if (each.answered) continue;
      each.answered = true;
      for (const piece of app.pieces) {
        // What comes unasked on an idle connection ends it.
        if (each.givenBack && piece.length > 0) each.givenBack = false;
        give(each.connection, piece);
      }
      if (app.ends) each.wire.emit('end');
    }
  };
  for (const piece of pieces) {
    if (wire.destroyed) break;
    wire.emit('data', piece);
    if (eager) answerAll();
  }
  answerAll();
  if (!wire.destroyed) wire.emit('end');
  if (!wire.destroyed) wire.destroy();
  return {
    lent: lent.map(({ wire: { written }, user, givenBack }) => ({
      bytes: Buffer.concat(written),
      whole: user instanceof Exchange && user.requestWhole,
      givenBack,
    })),
    answer: Buffer.concat(wire.written),
    ending: wire.ending,
    open,
  };
}
