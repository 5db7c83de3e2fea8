import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Limits } from '../splice/limits.ts';
import { streamSocket } from './stream-socket.ts';

/** Requests that one connection may have under way. */
const MAX_STREAMS = 128;
/** Lines of one head. Browsers send each cookie in a line of its own, and keep more of them for a site than Node's 128. */
const MAX_FIELDS = 1_000;
/** `END_STREAM` of a frame: no body follows. */
const END_STREAM = 0x1;

/** HTTP/2 connections. Each of their requests is given on as a connection of its own. */
export interface Sessions {
  accept(carrier: Socket): void;
  count(): number;
  /** Says that no more requests are taken; each ends with its last request. */
  close(): void;
  /**
   * As `close`, for those with a request that is not answered yet; the others, and those still to come, take their next request first. So none is ended under
   * a client that may be just sending.
   */
  retire(): void;
  cut(): void;
}

export interface SessionsOptions {
  limits: Limits;
  onRequest: (socket: Socket, carrier: Socket) => void;
  onClosed: () => void;
}

export function createSessions({ limits, onRequest, onClosed }: SessionsOptions): Sessions {
  // Loaded where it is wanted only: it takes time and memory.
  const http2 = process.getBuiltinModule('node:http2');
  /** With their requests under way. */
  const sessions = new Map<ServerHttp2Session, Set<ServerHttp2Stream>>();
  let retiring = false;

  function accept(carrier: Socket): void {
    const session = http2.performServerHandshake(carrier, {
      settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: limits.headBytes, enablePush: false },
      maxHeaderListPairs: MAX_FIELDS,
    });
    const streams = new Set<ServerHttp2Stream>();
    sessions.set(session, streams);
    session.on('error', () => session.destroy());
    session.once('close', () => {
      carrier.destroy();
      sessions.delete(session);
      onClosed();
    });
    session.setTimeout(limits.idleTimeoutMs, () => {
      if (streams.size === 0) session.close();
    });
    session.on('stream', (stream: ServerHttp2Stream, _headers: object, flags: number, raw: string[]) => {
      streams.add(stream);
      // With all that came at once with it.
      if (retiring) setImmediate(() => session.close());
      stream.on('error', () => undefined);
      stream.once('close', () => streams.delete(stream));
      const socket = streamSocket(stream, raw, (flags & END_STREAM) === 0, carrier);
      if (socket) onRequest(socket, carrier);
    });
  }

  return {
    accept,
    count: () => sessions.size,
    close() {
      for (const session of sessions.keys()) session.close();
    },
    retire() {
      retiring = true;
      for (const [session, streams] of sessions) if ([...streams].some((stream) => !stream.writableEnded)) session.close();
    },
    cut() {
      for (const session of sessions.keys()) session.destroy();
    },
  };
}
