import type { Socket } from 'node:net';
import type { Flight } from '../data-path.ts';
import type { AppConnection } from './app-connections.ts';
import { closeFrame, createFrameScanner, type FrameScanner } from './frames.ts';
import { STREAM_KEEP_ALIVE_MS } from './limits.ts';

/** How long both sides have to answer a Close frame, or to end, before they are cut. */
const TUNNEL_CLOSE_GRACE_MS = 1_000;

export interface TunnelOptions {
  /** The 101 as the app gave it: its hop-by-hop headers are the ones that the client has to see. */
  head: string;
  client: Socket;
  clientHead: Buffer;
  /** Carries no more requests. */
  app: AppConnection;
  appHead: Buffer;
  protocol: string;
  flight: Flight;
  /** How long one side may take to read what the other sent. */
  stallTimeoutMs: number;
}

/**
 * After a 101: bytes both ways at the pace of the slower side. A WebSocket is closed by a Close frame 1001 to both sides between two frames,
 * any other protocol by ending both connections.
 */
export function tunnel({ head, client, clientHead, app: connection, appHead, protocol, flight, stallTimeoutMs }: TunnelOptions): void {
  const { socket: app } = connection;
  const isWebSocket = protocol.toLowerCase() === 'websocket';
  client.write(head, 'latin1');
  const toClient = pump(app, client, isWebSocket ? closeFrame(false) : null, stallTimeoutMs);
  const toApp = pump(client, app, isWebSocket ? closeFrame(true) : null, stallTimeoutMs);
  client.on('data', toApp.take);
  connection.isStream = true;
  // The rest is heard of by the socket itself.
  connection.user = {
    onConnect: () => undefined,
    onData(bytes) {
      toClient.take(bytes);
      return client.writableLength > 0;
    },
    onDrain: () => undefined,
    onEnd: () => undefined,
    onClose: () => undefined,
  };

  let open = 2;
  let clean = true;
  let late: NodeJS.Timeout | undefined;
  for (const socket of [client, app]) {
    const other = socket === client ? app : client;
    socket.on('error', () => socket.destroy());
    socket.setKeepAlive(true, STREAM_KEEP_ALIVE_MS);
    socket.once('close', () => {
      open -= 1;
      if (open > 0) {
        other.destroySoon();
        late = setTimeout(() => other.destroy(), stallTimeoutMs).unref();
        return;
      }
      clearTimeout(late);
      flight.end(clean);
    });
  }
  if (clientHead.length > 0) toApp.take(clientHead);
  if (appHead.length > 0) toClient.take(appHead);
  // The client's may have been paused, for saying too much too early.
  if (!client.writableNeedDrain) app.resume();
  if (!app.writableNeedDrain) client.resume();

  flight.stream(() => {
    if (!isWebSocket) {
      client.end();
      app.end();
    } else {
      // The client's reply to the Close frame is the last thing wanted of it.
      toApp.onClosed(() => {
        client.end();
        app.end();
      });
      toClient.close();
      toApp.close();
    }
    setTimeout(() => {
      if (open === 0) return;
      clean = toClient.ended() && toApp.ended();
      client.destroy();
      app.destroy();
    }, TUNNEL_CLOSE_GRACE_MS).unref();
  });
}

interface Pump {
  take(chunk: Buffer): void;
  /** Lets the frame on its way end, puts the Close frame after it, and drops whatever follows. */
  close(): void;
  /** Called back when, after `close`, the source's own Close frame went by. */
  onClosed(callback: () => void): void;
  /** Whether the Close frame was put in, or was not wanted. */
  ended(): boolean;
}

function pump(from: Socket, to: Socket, frame: Buffer | null, stallTimeoutMs: number): Pump {
  const scanner: FrameScanner | null = frame && createFrameScanner();
  let closing = false;
  let injected = false;
  let stalled: NodeJS.Timeout | undefined;
  let onClosed: (() => void) | null = null;

  function inject(): void {
    if (injected) return;
    injected = true;
    if (frame && !scanner?.sawClose() && to.writable) to.write(frame);
    tellWhenClosed();
  }

  function tellWhenClosed(): void {
    if (!scanner?.sawClose()) return;
    onClosed?.();
    onClosed = null;
  }

  function take(chunk: Buffer): void {
    if (injected) {
      scanner?.scan(chunk, false);
      tellWhenClosed();
      return;
    }
    const taken = scanner ? scanner.scan(chunk, closing) : chunk.length;
    if (to.writable && !to.write(taken === chunk.length ? chunk : chunk.subarray(0, taken))) wait();
    if (!closing || !scanner?.atBoundary()) return;
    inject();
    scanner.scan(chunk.subarray(taken), false);
    tellWhenClosed();
  }

  /** While nothing is read of one side, its end is not seen either: so there is a limit. */
  function wait(): void {
    from.pause();
    stalled ??= setTimeout(() => to.destroy(), stallTimeoutMs).unref();
  }

  function goOn(): void {
    clearTimeout(stalled);
    stalled = undefined;
    from.resume();
  }

  to.on('drain', goOn);
  to.once('close', goOn);
  from.on('end', () => {
    to.end();
    // What is open one way only, and silent, is most often forgotten.
    to.setTimeout(stallTimeoutMs, () => to.destroy());
  });

  return {
    take,
    close() {
      closing = true;
      if (!scanner || scanner.atBoundary()) inject();
      from.resume();
    },
    onClosed(callback) {
      onClosed = callback;
    },
    ended: () => frame === null || injected,
  };
}
