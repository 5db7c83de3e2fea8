import type { Socket } from 'node:net';
import type { Connection, Destination, OnFailure, PickDestination } from '../data-path.ts';
import type { AppConnections } from './app-connections.ts';
import { CR, HT, LF, SP } from './bytes.ts';
import { CHUNK_STATE, type ChunkScanner, createChunkScanner, gather } from './chunks.ts';
import { Exchange } from './exchange.ts';
import { asTold, forwardedLines, type Visitor, withoutMapping } from './forwarding.ts';
import { AWAITED, type Limits, MAX_PIPELINED_BYTES } from './limits.ts';
import { encodeReply, type OwnStatus, ownReply } from './own-answer.ts';
import { REFUSAL, type Refusal } from './refusals.ts';
import { CHUNKED_BODY, NO_BODY, parseRequest, type RequestHead } from './request-head.ts';
import { EMPTY } from './writes.ts';

/** A connection with unread bytes that is destroyed at once resets, and the client may never see the answer: it has this long after each byte to close. */
const LINGER_MS = 1_000;
const MAX_LINGER_MS = 10_000;
const END_OF_HEAD = Buffer.from('\r\n\r\n', 'latin1');

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
  onFailure: OnFailure;
  apps: AppConnections;
  limits: Limits;
  /** The listener is being closed, or its successor has it: an answer that begins now tells the client that it is the last. */
  closing(): boolean;
  /** It is being closed: no request after the present one, whatever the client was told. */
  closed(): boolean;
}

/** One connection of a client: takes its requests one after the other, and gives each to an exchange. */
export class Client implements Connection {
  readonly socket: Socket;
  readonly secure: boolean;
  readonly tlsName: string;
  readonly #raw: Socket;
  readonly context: ClientContext;
  state: ClientState = CLIENT_STATE.idle;
  /** When whatever is waited for is late, in milliseconds of `performance.now()`; Infinity when nothing is waited for here. */
  deadline: number;
  /** When the request is to be over, in the same time; Infinity without such a limit, and between requests. */
  #overBy = Number.POSITIVE_INFINITY;
  /** The client sent all it will send. */
  halfClosed = false;
  #awaited = 0;
  /** Until when the end is put off at most. */
  #lingersUntil = 0;
  #held: Buffer = EMPTY;
  /** Up to where `#held` was searched for the end of a head. */
  #searched = 0;
  /** What is held came while an earlier request was being answered. */
  #pipelined = false;
  /** A request was taken: a connection that is idle now is between two. */
  #used = false;
  #exchange: Exchange | null = null;
  #bodyLeft = 0;
  #chunks: ChunkScanner | null = null;
  /** Taking bytes now: whoever gives some more of them does not begin anew. */
  #taking = false;

  /** `X-Forwarded-*` and `Forwarded` for the host that was asked for last. */
  #forwarded = '';
  #forwardedHost = '';

  /** `raw` is what is below an encrypted connection. */
  constructor(socket: Socket, context: ClientContext, raw: Socket = socket) {
    this.socket = socket;
    this.#raw = raw;
    this.secure = raw !== socket;
    this.tlsName = nameOf(socket);
    this.context = context;
    this.deadline = performance.now() + context.limits.headTimeoutMs;
  }

  onData(bytes: Buffer): void {
    if (this.state === CLIENT_STATE.tunnel) return;
    if (this.state === CLIENT_STATE.ending) {
      this.#linger();
      return;
    }
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    if (this.state === CLIENT_STATE.answer) this.#pipelined = true;
    this.take();
  }

  onDrain(): void {
    this.settled(AWAITED.reader);
    this.#exchange?.onClientDrain();
  }

  onEnd(): void {
    this.halfClosed = true;
    if (this.state === CLIENT_STATE.tunnel) return;
    if (this.state === CLIENT_STATE.idle || this.state === CLIENT_STATE.head) this.end();
    else if (this.state === CLIENT_STATE.ending) this.socket.destroySoon();
    // A body that ends before its length is no body.
    else if (this.state === CLIENT_STATE.body) this.#broken('');
    // Most often it is gone. It could also have said only that it will send no more, but nobody else (nginx, Caddy, Node) waits to find out either.
    else if (!this.#exchange?.answerWhole) this.cut();
  }

  onClose(): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    this.#held = EMPTY;
    this.deadline = Number.POSITIVE_INFINITY;
    this.#overBy = Number.POSITIVE_INFINITY;
    exchange?.onClientClose();
  }

  /** Where the client connected to, for requests without `Host`. */
  get localHost(): string {
    const address = withoutMapping(this.socket.localAddress ?? 'localhost');
    return `${address.includes(':') ? `[${address}]` : address}:${this.socket.localPort ?? (this.secure ? 443 : 80)}`;
  }

  /** The lines that say who asked, and for what host. `forged` is what the request says of that itself, which counts from somebody who is trusted. */
  forwarded(host: string, trusts: Destination['trusts'], forged: string): string {
    if (trusts && forged !== '') return forwardedLines(asTold(this.#visitor(host), forged, trusts));
    if (this.#forwardedHost === host) return this.#forwarded;
    this.#forwardedHost = host;
    this.#forwarded = forwardedLines(this.#visitor(host));
    return this.#forwarded;
  }

  proto(forged: string, trusts: Destination['trusts']): Visitor['proto'] {
    const visitor = this.#visitor('');
    return trusts && forged !== '' ? asTold(visitor, forged, trusts).proto : visitor.proto;
  }

  #visitor(host: string): Visitor {
    return {
      address: withoutMapping(this.socket.remoteAddress ?? 'unknown').replace(/%.*$/, ''),
      proto: this.secure ? 'https' : 'http',
      host,
    };
  }

  /** Gives up what is late; called now and then, with the time. */
  check(now: number): void {
    if (this.#overBy <= now) this.#giveUp();
    else if (this.deadline <= now) this.#onDeadline();
  }

  /** A stream goes on for as long as it does. */
  becomesStream(): void {
    this.#overBy = Number.POSITIVE_INFINITY;
  }

  /** What was waited for is late. */
  #onDeadline(): void {
    if (this.state === CLIENT_STATE.head) this.refuse(408);
    else if (this.#awaited === AWAITED.answer || (this.#awaited & AWAITED.taker) !== 0) this.#giveUp();
    else this.cut();
  }

  /** Whatever the request still waits for is not waited for. */
  #giveUp(): void {
    this.#overBy = Number.POSITIVE_INFINITY;
    if (this.#exchange && !this.#exchange.answered) this.#exchange.onAnswerLate();
    else this.cut();
  }

  /** Somebody has this long to do their part; counted anew each time. */
  waitFor(what: number, timeoutMs: number = this.context.limits.stallTimeoutMs): void {
    const by = performance.now() + timeoutMs;
    // Nothing else puts off when the answer is late.
    this.deadline = what !== AWAITED.answer && this.#awaited & AWAITED.answer ? Math.min(this.deadline, by) : by;
    this.#awaited |= what;
  }

  settled(what: number): void {
    if ((this.#awaited & what) === 0) return;
    this.#awaited &= ~what;
    if (this.#awaited === 0) this.deadline = Number.POSITIVE_INFINITY;
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
    this.#readWhatFits();
  }

  /** Ends a connection that is between two requests. One that never had any may have its first one on its way, and gets its answer. */
  endIfIdle(): void {
    if (this.state === CLIENT_STATE.idle && this.#used) this.end();
  }

  /** The exchange is over on both sides. `keep`: the connection may be used for another request. */
  next(keep: boolean): void {
    this.#exchange = null;
    this.#chunks = null;
    this.#awaited = 0;
    this.#overBy = Number.POSITIVE_INFINITY;
    if (this.socket.destroyed) return;
    if (!keep || this.context.closed() || (this.halfClosed && this.#held.length === 0)) {
      this.end();
      return;
    }
    this.state = CLIENT_STATE.idle;
    this.deadline = performance.now() + this.context.limits.idleTimeoutMs;
    this.take();
  }

  /** Sends what is still to be sent, says that nothing more comes, and reads on for a moment so that the client sees it. */
  end(): void {
    this.state = CLIENT_STATE.ending;
    this.#overBy = Number.POSITIVE_INFINITY;
    this.#held = EMPTY;
    this.#exchange = null;
    this.#lingersUntil = performance.now() + MAX_LINGER_MS;
    this.#linger();
    this.socket.resume();
    this.socket.end();
    if (this.halfClosed) this.socket.destroySoon();
  }

  /** Ends the connection where it is. An answer that is not complete must not look as if it were. */
  cut(): void {
    if (this.#exchange?.endsByClose) this.#raw.resetAndDestroy();
    else this.socket.destroy();
  }

  refuse(status: OwnStatus, detail = ''): void {
    this.socket.write(encodeReply(ownReply(status, detail), { withBody: true, close: true }));
    this.end();
  }

  /** Hands the connection over; what was read from it already is the answer. */
  release(): Buffer {
    const rest = this.#held;
    this.state = CLIENT_STATE.tunnel;
    this.#awaited = 0;
    this.deadline = Number.POSITIVE_INFINITY;
    this.becomesStream();
    this.#held = EMPTY;
    this.#exchange = null;
    return rest;
  }

  #linger(): void {
    this.deadline = Math.min(performance.now() + LINGER_MS, this.#lingersUntil);
  }

  /** Reads no more than the app takes of a body, and no more than a little of what comes before its turn. */
  #readWhatFits(): void {
    if (this.state === CLIENT_STATE.tunnel) return;
    const full = this.state === CLIENT_STATE.body ? !this.#exchange?.takesBody : this.#held.length > MAX_PIPELINED_BYTES;
    if (full) this.socket.pause();
    else if (this.socket.isPaused()) this.socket.resume();
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
    // An empty line before a request is to be ignored (RFC 9112, section 2.2).
    while (this.#held[from] === CR && this.#held[from + 1] === LF) from += 2;
    if (from > 0) {
      this.#held = this.#held.subarray(from);
      this.#searched = 0;
    }
    const held = this.#held;
    if (held.length === 0) {
      this.#pipelined = false;
      return false;
    }
    const found = held.indexOf(END_OF_HEAD, Math.max(0, this.#searched - END_OF_HEAD.length + 1));
    const end = found + END_OF_HEAD.length;
    const { headBytes } = this.context.limits;
    if (found === -1 ? held.length > headBytes : end > headBytes) {
      this.#refuseHead(431);
      return false;
    }
    if (found === -1) {
      this.#waitForHead();
      const problem = problemOfPart(held, this.#searched);
      if (problem !== '') this.#refuseHead(400, problem);
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

  #waitForHead(): void {
    if (this.state === CLIENT_STATE.head) return;
    this.state = CLIENT_STATE.head;
    this.deadline = performance.now() + this.context.limits.headTimeoutMs;
  }

  #begin(head: RequestHead): void {
    this.#used = true;
    this.#pipelined = head.body === NO_BODY && this.#held.length > 0;
    this.#bodyLeft = head.body;
    this.#chunks = head.body === CHUNKED_BODY ? createChunkScanner() : null;
    this.state = head.body === NO_BODY ? CLIENT_STATE.answer : CLIENT_STATE.body;
    this.deadline = Number.POSITIVE_INFINITY;
    const { totalTimeoutMs } = this.context.limits;
    if (totalTimeoutMs > 0) this.#overBy = performance.now() + totalTimeoutMs;
    this.#exchange = new Exchange(this, head);
    this.#exchange.start();
  }

  /** Gives the app as much of the body as is here, while it takes it. */
  #takeBody(): boolean {
    const exchange = this.#exchange;
    if (!exchange?.takesBody) {
      this.settled(AWAITED.body);
      return false;
    }
    const held = this.#held;
    if (held.length === 0) {
      this.waitFor(AWAITED.body);
      return false;
    }
    return this.#chunks ? this.#takeChunks(exchange, this.#chunks, held) : this.#takeSized(exchange, held);
  }

  #takeSized(exchange: Exchange, held: Buffer): boolean {
    const part = held.length > this.#bodyLeft ? held.subarray(0, this.#bodyLeft) : held;
    this.#held = held.length === part.length ? EMPTY : held.subarray(part.length);
    this.#bodyLeft -= part.length;
    exchange.sendBody(part);
    if (this.#bodyLeft === 0) this.#bodyWhole(exchange);
    return true;
  }

  #takeChunks(exchange: Exchange, chunks: ChunkScanner, held: Buffer): boolean {
    const runs: number[] = [];
    const end = chunks.scan(held, 0, runs);
    this.#held = held.length === end ? EMPTY : held.subarray(end);
    const whole = chunks.state === CHUNK_STATE.done;
    exchange.sendChunk(gather(held, runs), whole ? chunks.trailers : null);
    if (chunks.state === CHUNK_STATE.broken) {
      this.#broken(REFUSAL.chunk);
      return false;
    }
    if (whole) this.#bodyWhole(exchange);
    return true;
  }

  #bodyWhole(exchange: Exchange): void {
    this.state = CLIENT_STATE.answer;
    this.settled(AWAITED.body);
    this.#pipelined = this.#held.length > 0;
    // It may begin the next request at once, when the answer is there already.
    exchange.endBody();
  }

  /** The rest of the request cannot be had: the app never sees a whole one. */
  #broken(detail: string): void {
    const exchange = this.#exchange;
    const mayAnswer = exchange?.abort() ?? true;
    if (detail === '' || !mayAnswer) this.cut();
    else this.refuse(400, detail);
  }

  /** What follows an answered request on the same connection, and is no request, gets no answer: it may be the rest of something else. */
  #refuseHead(status: OwnStatus, detail = ''): void {
    if (this.#pipelined) this.end();
    else this.refuse(status, detail);
  }
}

/** The name that a client gave for its encrypted connection. */
function nameOf(socket: Socket & { servername?: unknown }): string {
  return typeof socket.servername === 'string' ? socket.servername.toLowerCase() : '';
}

/** What is wrong already with the part of a head that is here; looked at from the bytes on that are new. Empty when more may make it one. */
function problemOfPart(head: Buffer, from: number): Refusal | '' {
  for (let i = from; i < head.length; i += 1) {
    const byte = head[i] as number;
    if (byte > SP || byte === SP || byte === HT) continue;
    if (byte === LF ? head[i - 1] !== CR : byte !== CR) return byte === LF ? REFUSAL.lineEnd : REFUSAL.control;
    if (byte === CR && i + 1 < head.length && head[i + 1] !== LF) return REFUSAL.lineEnd;
  }
  return '';
}
