import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Destination, Flight, PickDestination, Reply } from '../data-path.ts';
import { requestHeaders, responseHeaders, trailerPairs, withoutCookies } from './headers.ts';
import { http } from './node-http.ts';
import { answerItself, answerWith } from './own-answer.ts';
import type { Pools } from './pools.ts';
import { type Closer, relayAnswer } from './relay.ts';
import { tunnel } from './tunnel.ts';

/** Bound on sending one request again. */
const MAX_ATTEMPTS = 3;
/** Connecting over loopback takes no time; only a full accept queue makes it take any. */
const CONNECT_TIMEOUT_MS = 10_000;
const MAX_ANSWER_HEAD_BYTES = 64 * 1024;
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

export interface ExchangeOptions {
  request: IncomingMessage;
  response: ServerResponse;
  /** Path to ask the app for. */
  path: string;
  pick: PickDestination;
  pools: Pools;
  expectsContinue: boolean;
  /** Present when the request asks for an upgrade: protocol and the client's connection, with what was read from it already. */
  upgrade: { protocol: string; socket: Socket; head: Buffer } | null;
}

export interface Exchange {
  /** Gives up what is asked of the app, without an answer: the rest of the request turned out to be malformed. */
  abort(): void;
}

/**
 * Carries one request to an app and its answer back. It is sent again only when nothing of it was sent, or when it is idempotent, has no body
 * and got no answer; and only to another address than the one that failed, or because a reused connection turned out to be closed. So it ends.
 */
export function runExchange(options: ExchangeOptions): Exchange {
  const { request, response, pick, pools, upgrade } = options;
  const { headers, hasBody } = requestHeaders(request, upgrade?.protocol ?? null);
  const repeatable = !hasBody && IDEMPOTENT.has(request.method ?? '');
  let attempts = 0;
  let useFresh = !repeatable || upgrade !== null;
  let aborted = false;
  let abortAttempt = (): void => undefined;
  attempt();
  return {
    abort() {
      aborted = true;
      abortAttempt();
    },
  };

  function attempt(): void {
    const picked = pick(options.path, request.rawHeaders);
    attempts += 1;
    if (picked === null) fail(503);
    else if ('status' in picked) say(picked);
    else run(picked, picked.begin());
  }

  function run(destination: Destination, flight: Flight): void {
    let connected = false;
    let answered = false;
    /** An interim answer (100, 103) came: it is no answer, but whoever gave it has the request in hand. */
    let interim = false;
    let clean = true;
    let clientOver = response.closed;
    let upstreamOver = false;
    let handedOver = false;
    let closer: Closer | null = null;
    const upstream = http.request({
      ...(destination.socket === undefined ? { host: destination.host, port: destination.port } : { socketPath: destination.socket }),
      method: request.method ?? 'GET',
      path: options.path,
      headers: destination.hiddenCookies === undefined ? headers : withoutCookies(headers, destination.hiddenCookies),
      agent: useFresh || destination.socket !== undefined ? pools.fresh : pools.reused(destination.host, destination.port),
      maxHeaderSize: MAX_ANSWER_HEAD_BYTES,
      setDefaultHeaders: false,
    });
    upstream.maxHeadersCount = 0;
    abortAttempt = () => upstream.destroy();

    const endWhenOver = (): void => {
      if (clientOver && upstreamOver && !handedOver) flight.end(clean);
    };
    const onClientClose = (): void => {
      clientOver = true;
      // An answer that came before the whole body: the client goes on sending, and the app goes on getting it.
      if (!response.writableFinished) upstream.destroy();
      endWhenOver();
    };
    response.once('close', onClientClose);
    const onRequestError = (): void => void upstream.destroy();
    request.on('error', onRequestError);

    onConnected(upstream, () => {
      connected = true;
      if (hasBody) sendBody(request, upstream, options.expectsContinue);
    });
    if (!hasBody) upstream.end();

    if (options.expectsContinue) upstream.on('continue', () => response.writeContinue());
    upstream.on('information', (information) => {
      interim = true;
      passInformation(response, information);
    });
    upstream.on('response', (answer) => {
      answered = true;
      if (options.expectsContinue && !request.complete) response.shouldKeepAlive = false;
      const onCut = (): void => {
        clean = false;
      };
      closer = relayAnswer(answer, response, onCut, destination.answerHeaders);
      if (!closer) {
        clean = false;
        upstream.destroy();
        return;
      }
      // EventSource asks again by itself, and only ever by GET. What is streamed in answer to a POST (a language model's words) is asked for once.
      if (request.method === 'GET' && isEventStream(answer)) {
        flight.stream(() => {
          closer?.close();
          upstream.destroy();
        });
      }
    });
    upstream.on('upgrade', (answer, appSocket, appHead) => {
      if (!upgrade) {
        // A 101 that nobody asked for is no answer.
        interim = true;
        appSocket.destroy();
        return;
      }
      answered = true;
      handedOver = true;
      response.off('close', onClientClose);
      tunnel({
        answer,
        response,
        client: upgrade.socket,
        clientHead: upgrade.head,
        app: appSocket,
        appHead,
        protocol: upgrade.protocol,
        flight,
      });
    });
    // What to do about an error is decided when the request is closed, by then it is known what was sent and answered.
    // A broken answer without length or chunks would look whole a moment later: node ends it then.
    upstream.on('error', () => closer?.broken());
    upstream.once('close', () => {
      upstreamOver = true;
      if (!answered && !clientOver && !handedOver) {
        response.off('close', onClientClose);
        request.off('error', onRequestError);
        handedOver = true;
        flight.end(false);
        repeatOrFail(destination, { connected, interim, reused: upstream.reusedSocket });
        return;
      }
      if (hasBody && !request.complete) {
        request.unpipe(upstream);
        request.resume();
      }
      endWhenOver();
    });
  }

  function repeatOrFail(failed: Destination, how: { connected: boolean; interim: boolean; reused: boolean }): void {
    if (response.closed || aborted) return;
    const next = pick(options.path, request.rawHeaders);
    const moved = next !== null && !('status' in next) && !sameAddress(next, failed);
    const safe = !how.connected || (repeatable && !how.interim);
    if (safe && attempts < MAX_ATTEMPTS && (moved || (how.connected && how.reused))) {
      useFresh = true;
      attempt();
      return;
    }
    const status = how.connected ? 502 : 503;
    if (failed.silent) say(failed.silent(status));
    else fail(status);
  }

  function fail(status: 502 | 503): void {
    answerHere((close) => answerItself(response, status, { close }));
  }

  function say(reply: Reply): void {
    answerHere((close) => answerWith(response, reply, { close }));
  }

  function answerHere(give: (close: boolean) => void): void {
    if (response.headersSent) {
      response.socket?.destroy();
      return;
    }
    // A client that waits for 100 may or may not send its body now: what follows could be either.
    give(options.expectsContinue);
    request.resume();
  }
}

function sameAddress(one: Destination, other: Destination): boolean {
  return one.port === other.port && one.host === other.host && one.socket === other.socket;
}

/** Calls back once the connection is there: before that, nothing of the request can have been sent. */
function onConnected(upstream: ClientRequest, callback: () => void): void {
  upstream.once('socket', (socket) => {
    if (!socket.connecting) {
      callback();
      return;
    }
    const timer = setTimeout(() => upstream.destroy(new Error('the app did not accept the connection')), CONNECT_TIMEOUT_MS);
    socket.once('connect', () => {
      clearTimeout(timer);
      callback();
    });
    socket.once('close', () => clearTimeout(timer));
  });
}

/** Streams the request's body, with its trailers, at the pace of the app. */
function sendBody(request: IncomingMessage, upstream: ClientRequest, expectsContinue: boolean): void {
  if (expectsContinue) upstream.flushHeaders();
  else setImmediate(() => upstream.flushHeaders());
  request.pipe(upstream, { end: false });
  request.once('end', () => {
    const trailers = trailerPairs(request.rawTrailers);
    if (trailers.length > 0) upstream.addTrailers(trailers);
    upstream.end();
  });
}

/** 103 Early Hints and other interim answers. HTTP/1.0 knows none, and a pipelined request has to wait for its turn. */
function passInformation(response: ServerResponse, information: { statusCode: number; statusMessage: string; rawHeaders: string[] }): void {
  if (information.statusCode === 100 || response.req.httpVersion !== '1.1' || response.headersSent || !response.socket) return;
  const headers = responseHeaders(information.rawHeaders, false);
  let head = `HTTP/1.1 ${information.statusCode} ${information.statusMessage}\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  response.socket.write(`${head}\r\n`, 'latin1');
}

function isEventStream(answer: IncomingMessage): boolean {
  return /^\s*text\/event-stream\b/i.test(answer.headers['content-type'] ?? '');
}
