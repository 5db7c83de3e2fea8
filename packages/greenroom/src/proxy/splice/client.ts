import type { Socket } from 'node:net';
import type { PickDestination } from '../data-path.ts';
import type { AppConnections } from './app-connections.ts';
import { CR, LF } from './bytes.ts';
import { CHUNK_STATE, type ChunkScanner, createChunkScanner } from './chunks.ts';
import { Exchange } from './exchange.ts';
import { type Limits, MAX_PIPELINED_BYTES } from './limits.ts';
import { encodeReply, type OwnStatus, ownReply } from './own-answer.ts';
import { CHUNKED_BODY, NO_BODY, parseRequest, type RequestHead } from './request-head.ts';

/** A connection with unread bytes that is destroyed at once resets, and the client may never see the answer. */
const LINGER_MS = 1_000;
const END_OF_HEAD = '\r\n\r\n';
const EMPTY = Buffer.alloc(0);

/** What a client's connection is at. */
export const CLIENT_STATE = {
  /** Nothing of the next request has come. */
  idle: 0,
  head: 1,
  /** The head was given to an exchange; its body comes. */
  body: 2,
  /** The request is whole, its answer is not. What comes meanwhile waits. */
  answer: 3,
  /** Bytes go both ways by another protocol. */
  tunnel: 4,
  /** The last answer was given; what still comes is dropped. */
  ending: 5,
} as const;
export type ClientState = (typeof CLIENT_STATE)[keyof typeof CLIENT_STATE];

export interface ClientContext {
  pick: PickDestination;
  apps: AppConnections;
  limits: Limits;
  /** The listener is being closed: no request after the present one. */
  closing(): boolean;
}

/** One connection of a client: takes its requests one after the other, and gives each to an exchange. */
export class Client {
  readonly socket: Socket;
  readonly context: ClientContext;
  state: ClientState = CLIENT_STATE.idle;
  /** When whatever is waited for is late, in milliseconds of `performance.now()`; Infinity when nothing is waited for here. */
  deadline: number;
  /** The client sent all it will send. */
  halfClosed = false;
  #held: Buffer = EMPTY;
  /** Up to where `#held` was searched for the end of a head. */
  #searched = 0;
  /** What is held came while an earlier request was being answered. */
  #pipelined = false;
  #exchange: Exchange | null = null;
  #bodyLeft = 0;
  #chunks: ChunkScanner | null = null;
  /** Taking bytes now: whoever gives some more of them does not begin anew. */
  #taking = false;

  /** `X-Forwarded-*` and `Forwarded` for the host that was asked for last. */
  #forwarded = '';
  #forwardedHost = '';

  constructor(socket: Socket, context: ClientContext) {
    this.socket = socket;
    this.context = context;
    this.deadline = performance.now() + context.limits.headTimeoutMs;
  }

  onData(bytes: Buffer): void {
    if (this.state === CLIENT_STATE.ending || this.state === CLIENT_STATE.tunnel) return;
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    if (this.state === CLIENT_STATE.answer) {
      this.#pipelined = true;
      if (this.#held.length > MAX_PIPELINED_BYTES) this.socket.pause();
      return;
    }
    this.take();
  }

  onDrain(): void {
    this.#exchange?.onClientDrain();
  }

  onEnd(): void {
    this.halfClosed = true;
    if (this.state === CLIENT_STATE.tunnel) return;
    if (this.state === CLIENT_STATE.idle || this.state === CLIENT_STATE.head) this.end();
    // A body that ends before its length is no body.
    else if (this.state === CLIENT_STATE.body) this.#broken('');
    // Most often it is gone. It could also have said only that it will send no more, but nobody else (nginx, Caddy, Node) waits to find out either.
    else if (this.state === CLIENT_STATE.ending || !this.#exchange?.answerWhole) this.socket.destroy();
  }

  onClose(): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    this.#held = EMPTY;
    this.deadline = Number.POSITIVE_INFINITY;
    exchange?.onClientClose();
  }

  /** Where the client connected to, for requests without `Host`. */
  get localHost(): string {
    const address = (this.socket.localAddress ?? 'localhost').replace(/^::ffff:(?=\d+\.)/, '');
    return `${address.includes(':') ? `[${address}]` : address}:${this.socket.localPort ?? 80}`;
  }

  /** The lines that say who asked, and for what host. */
  forwarded(host: string): string {
    if (this.#forwardedHost === host) return this.#forwarded;
    const address = (this.socket.remoteAddress ?? 'unknown').replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '');
    const node = address.includes(':') ? `"[${address}]"` : address;
    this.#forwardedHost = host;
    this.#forwarded = `X-Forwarded-For: ${address}\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: ${host}\r\nForwarded: for=${node};host="${host}";proto=http\r\n`;
    return this.#forwarded;
  }

  /** What was waited for is late. */
  onDeadline(): void {
    if (this.state === CLIENT_STATE.head) this.refuse(408);
    else if (this.state === CLIENT_STATE.answer && this.#exchange && !this.#exchange.answered) this.#exchange.onAnswerLate();
    else this.socket.destroy();
  }

  /** Goes on with what is held: heads, and as much of a body as the app takes. */
  take(): void {
    if (this.#taking) return;
    this.#taking = true;
    try {
      while (this.#takeSome());
    } finally {
      this.#taking = false;
    }
  }

  /** Ends a connection that has nothing under way. */
  endIfIdle(): void {
    if (this.state === CLIENT_STATE.idle) this.socket.end();
  }

  /** The exchange is over on both sides. `keep`: the connection may be used for another request. */
  next(keep: boolean): void {
    this.#exchange = null;
    this.#chunks = null;
    if (!keep || this.context.closing() || (this.halfClosed && this.#held.length === 0)) {
      this.end();
      return;
    }
    this.state = CLIENT_STATE.idle;
    this.deadline = performance.now() + this.context.limits.idleTimeoutMs;
    this.socket.resume();
    this.take();
  }

  /** Sends what is still to be sent, says that nothing more comes, and reads on for a moment so that the client sees it. */
  end(): void {
    this.state = CLIENT_STATE.ending;
    this.#held = EMPTY;
    this.#exchange = null;
    this.deadline = performance.now() + LINGER_MS;
    this.socket.resume();
    this.socket.end();
    if (this.halfClosed) this.socket.destroySoon();
  }

  refuse(status: OwnStatus, detail = ''): void {
    this.socket.write(encodeReply(ownReply(status, detail), { withBody: true, close: true }));
    this.end();
  }

  /** Hands the connection over; what was read from it already is the answer. */
  release(): Buffer {
    const rest = this.#held;
    this.state = CLIENT_STATE.tunnel;
    this.deadline = Number.POSITIVE_INFINITY;
    this.#held = EMPTY;
    this.#exchange = null;
    return rest;
  }

  /** Something moved, or is waited for: a client that does its part next has this long. */
  expectProgress(): void {
    this.deadline = performance.now() + this.context.limits.stallTimeoutMs;
  }

  expectNothing(): void {
    this.deadline = Number.POSITIVE_INFINITY;
  }

  /** Answers whether there may be more to take. */
  #takeSome(): boolean {
    switch (this.state) {
      case CLIENT_STATE.idle:
      case CLIENT_STATE.head:
        return this.#takeHead();
      case CLIENT_STATE.body:
        return this.#takeBody();
      default:
        return false;
    }
  }

  #takeHead(): boolean {
    let from = 0;
    // An empty line before a request is to be ignored (RFC 9112, 2.2).
    while (this.#held[from] === CR && this.#held[from + 1] === LF) from += 2;
    if (from > 0) {
      this.#held = this.#held.subarray(from);
      this.#searched = 0;
    }
    const held = this.#held;
    if (held.length === 0) return false;
    if (this.state === CLIENT_STATE.idle) {
      this.state = CLIENT_STATE.head;
      this.deadline = performance.now() + this.context.limits.headTimeoutMs;
    }
    const found = held.indexOf(END_OF_HEAD, Math.max(0, this.#searched - END_OF_HEAD.length + 1), 'latin1');
    const end = found + END_OF_HEAD.length;
    const { headBytes } = this.context.limits;
    if (found === -1 ? held.length > headBytes : end > headBytes) {
      this.#refuseHead(431);
      return false;
    }
    if (found === -1) {
      this.#searched = held.length;
      return false;
    }
    this.#searched = 0;
    const parsed = parseRequest(held, 0, end);
    if (!parsed.ok) {
      this.#refuseHead(400, parsed.reason);
      return false;
    }
    this.#held = held.length === end ? EMPTY : held.subarray(end);
    this.#begin(parsed.head);
    return true;
  }

  #begin(head: RequestHead): void {
    this.#pipelined = head.body === NO_BODY && this.#held.length > 0;
    this.#bodyLeft = head.body;
    this.#chunks = head.body === CHUNKED_BODY ? createChunkScanner() : null;
    this.state = head.body === NO_BODY ? CLIENT_STATE.answer : CLIENT_STATE.body;
    this.deadline = Number.POSITIVE_INFINITY;
    this.#exchange = new Exchange(this, head);
    this.#exchange.start();
  }

  /** Gives the app as much of the body as is here, while it takes it. */
  #takeBody(): boolean {
    const exchange = this.#exchange;
    if (!exchange) return false;
    if (!exchange.takesBody) {
      this.socket.pause();
      return false;
    }
    const held = this.#held;
    if (held.length === 0) {
      this.socket.resume();
      this.expectProgress();
      return false;
    }
    return this.#chunks ? this.#takeChunks(exchange, this.#chunks, held) : this.#takeSized(exchange, held);
  }

  #takeSized(exchange: Exchange, held: Buffer): boolean {
    const part = held.length > this.#bodyLeft ? held.subarray(0, this.#bodyLeft) : held;
    this.#held = held.length === part.length ? EMPTY : held.subarray(part.length);
    this.#bodyLeft -= part.length;
    exchange.sendBody(part);
    if (this.#bodyLeft === 0) this.#bodyWhole(exchange, '');
    return true;
  }

  /** The body's chunks, framed anew only where something of the framing is not passed on. */
  #takeChunks(exchange: Exchange, chunks: ChunkScanner, held: Buffer): boolean {
    const runs: [number, number][] = [];
    const end = chunks.scan(held, 0, (from, to) => runs.push([from, to]));
    this.#held = held.length === end ? EMPTY : held.subarray(end);
    for (const [from, to] of runs) exchange.sendChunk(held.subarray(from, to));
    if (chunks.state === CHUNK_STATE.broken) {
      this.#broken('a malformed chunk');
      return false;
    }
    if (chunks.state === CHUNK_STATE.done) this.#bodyWhole(exchange, chunks.trailers);
    return true;
  }

  #bodyWhole(exchange: Exchange, trailers: string): void {
    this.state = CLIENT_STATE.answer;
    this.expectNothing();
    this.#pipelined = this.#held.length > 0;
    // It may begin the next request at once, when the answer is there already.
    exchange.endBody(trailers);
  }

  /** The rest of the request cannot be had: the app never sees a whole one. */
  #broken(detail: string): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    const mayAnswer = exchange?.abort() ?? true;
    if (detail === '' || !mayAnswer) this.socket.destroy();
    else this.refuse(400, detail);
  }

  /** What follows an answered request on the same connection, and is no request, gets no answer: it may be the rest of something else. */
  #refuseHead(status: OwnStatus, detail = ''): void {
    if (this.#pipelined) this.end();
    else this.refuse(status, detail);
  }
}
