import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { DataPath, Listener, PickDestination } from '../data-path.ts';
import { checkRequest, upgradeProtocol } from './check.ts';
import { type Exchange, runExchange } from './exchange.ts';
import { http } from './node-http.ts';
import { answerItself, answerOnSocket, type OwnStatus } from './own-answer.ts';
import { createPools, type Pools } from './pools.ts';

/** Limits of what a client may take up. There is none on a whole request or answer: uploads and streams may take as long as they do. */
const MAX_HEAD_BYTES = 16 * 1024;
const HEAD_TIMEOUT_MS = 20_000;
/** Longer than the idle limit of common clients and load balancers, so that it is they who close. */
const IDLE_TIMEOUT_MS = 75_000;
const LIMITS_CHECK_INTERVAL_MS = 2_000;

const STATUS_BY_ERROR: Record<string, OwnStatus> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
};

/** The data path on node:http, server and client. */
export function createHttpDataPath(limits: { headTimeoutMs?: number; idleTimeoutMs?: number } = {}): DataPath {
  const pools = createPools();
  return {
    listen: (port, host, pick) => listen(createServer(pick, pools, limits), port, host),
    forget: (host, port) => pools.forget(host, port),
  };
}

interface Current {
  response: ServerResponse;
  /** Null when the request was refused. */
  exchange: Exchange | null;
}

function createServer(pick: PickDestination, pools: Pools, limits: { headTimeoutMs?: number; idleTimeoutMs?: number }): Server {
  const { headTimeoutMs = HEAD_TIMEOUT_MS, idleTimeoutMs = IDLE_TIMEOUT_MS } = limits;
  /** What a connection is at. */
  const current = new WeakMap<Duplex, Current>();
  const refused = new WeakSet<Duplex>();
  const server = http.createServer({
    maxHeaderSize: MAX_HEAD_BYTES,
    headersTimeout: headTimeoutMs,
    requestTimeout: 0,
    keepAliveTimeout: idleTimeoutMs,
    connectionsCheckingInterval: Math.min(LIMITS_CHECK_INTERVAL_MS, headTimeoutMs),
    insecureHTTPParser: false,
    // Refused by our own check, with an answer.
    requireHostHeader: false,
    noDelay: true,
    shouldUpgradeCallback: (request) => upgradeProtocol(request) !== null,
  });
  // Node drops headers beyond the limit without a word; the limit on bytes is enough.
  server.maxHeadersCount = 0;

  const serve = (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void => {
    const now: Current = { response, exchange: null };
    current.set(request.socket, now);
    const checked = checkRequest(request);
    if (checked.ok) now.exchange = runExchange({ request, response, path: checked.path, pick, pools, expectsContinue, upgrade: null });
    else answerItself(response, 400, { close: true, detail: checked.reason });
  };
  server.on('request', (request, response) => serve(request, response, false));
  server.on('checkContinue', (request, response) => serve(request, response, true));
  server.on('connect', (_request, socket: Duplex) => refuseUnparsed(socket, 400));
  server.on('upgrade', (request, _socket, head: Buffer) => {
    const { socket } = request;
    const checked = checkRequest(request);
    const protocol = upgradeProtocol(request);
    const before = current.get(socket);
    if (!checked.ok || !protocol || (before && !before.response.writableFinished)) {
      refuseUnparsed(socket, 400);
      return;
    }
    socket.on('error', () => socket.destroy());
    const response = new http.ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => socket.destroySoon());
    runExchange({ request, response, path: checked.path, pick, pools, expectsContinue: false, upgrade: { protocol, socket, head } });
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // The parser goes on complaining about what follows on a connection that was answered already.
    if (refused.has(socket)) return;
    refused.add(socket);
    const now = current.get(socket);
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    else if (now && !now.response.writableFinished) refuseDuring(now, socket);
    else answerOnSocket(socket, STATUS_BY_ERROR[error.code ?? ''] ?? 400);
  });
  return server;
}

/** Refuses where no parser watches the connection any more; what follows on it is read and dropped. */
function refuseUnparsed(socket: Duplex, status: OwnStatus): void {
  socket.on('error', () => socket.destroy());
  socket.resume();
  answerOnSocket(socket, status);
}

/** What could not be parsed came while an earlier request, or the head of this one, is being answered. */
function refuseDuring({ response, exchange }: Current, socket: Duplex): void {
  if (response.req.complete) {
    // The request being answered was whole: it gets its answer, and what came after it none.
    response.shouldKeepAlive = false;
    response.once('close', () => socket.end(() => socket.destroy()));
    return;
  }
  exchange?.abort();
  if (response.headersSent) socket.destroy();
  else answerOnSocket(socket, 400);
}

function listen(server: Server, port: number, host: string): Promise<Listener> {
  const sockets = new Set<Duplex>();
  server.on('connection', (socket: Duplex) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const close = (graceMs: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      server.close(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog: 1024 }, () => {
      server.off('error', reject);
      resolve({ close });
    });
  });
}
