import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Limits } from '../splice/limits.ts';
import { streamSocket } from './stream-socket.ts';

/** Requests that one connection may have under way. */
const MAX_STREAMS = 128;
/** `END_STREAM` of a frame: no body follows. */
const END_STREAM = 0x1;

/** HTTP/2 connections. Each of their requests is given on as a connection of its own. */
export interface Sessions {
  accept(carrier: Socket): void;
  count(): number;
  /** Says that no more requests are taken; each ends with its last request. */
  close(): void;
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
  const sessions = new Set<ServerHttp2Session>();

  function accept(carrier: Socket): void {
    let open = 0;
    const session = http2.performServerHandshake(carrier, {
      settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: limits.headBytes, enablePush: false },
    });
    sessions.add(session);
    session.on('error', () => session.destroy());
    session.once('close', () => {
      carrier.destroy();
      sessions.delete(session);
      onClosed();
    });
    session.setTimeout(limits.idleTimeoutMs, () => {
      if (open === 0) session.close();
    });
    session.on('stream', (stream: ServerHttp2Stream, _headers: object, flags: number, raw: string[]) => {
      open += 1;
      stream.on('error', () => undefined);
      stream.once('close', () => {
        open -= 1;
      });
      const socket = streamSocket(stream, raw, (flags & END_STREAM) === 0, carrier);
      if (socket) onRequest(socket, carrier);
    });
  }

  return {
    accept,
    count: () => sessions.size,
    close() {
      for (const session of sessions) session.close();
    },
    cut() {
      for (const session of sessions) session.destroy();
    },
  };
}
