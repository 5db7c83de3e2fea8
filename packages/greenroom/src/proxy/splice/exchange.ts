import type { Destination, Flight, Reply } from '../data-path.ts';
import { Answer } from './answer.ts';
import type { AppConnection, AppUser, Need } from './app-connections.ts';
import type { Client } from './client.ts';
import { answerBytes, requestBytes } from './forward.ts';
import { AWAITED, MAX_ANSWER_HEAD_BYTES, STREAM_KEEP_ALIVE_MS } from './limits.ts';
import { encodeReply, ownReply } from './own-answer.ts';
import { NO_BODY, type RequestHead } from './request-head.ts';
import { parseResponse, type ResponseHead } from './response-head.ts';
import { tunnel } from './tunnel.ts';
import { EMPTY, writeChunk } from './writes.ts';

/** Bound on sending one request again. */
const MAX_ATTEMPTS = 3;
/** How long a client may take to read the end of a stream that is closed on it. */
const STREAM_CLOSE_GRACE_MS = 1_000;
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
const END_OF_HEAD = Buffer.from('\r\n\r\n', 'latin1');

/**
 * Carries one request to an app and its answer back. It is sent again only when nothing of it was sent, or when it is idempotent, has no body
 * and got no answer; and only to another address than the one that failed, or because a reused connection turned out to be closed. So it ends.
 */
export class Exchange implements AppUser {
  /** The head was sent, and the app's connection has room for more of the body; or what comes of it is dropped. */
  takesBody = false;
  /** All of the request was given to the app's connection, which may then be used for another one. */
  requestWhole = false;
  readonly #client: Client;
  readonly #request: RequestHead;
  readonly #repeatable: boolean;
  #attempts = 0;
  #need: Need;
  #destination: Destination | null = null;
  #connection: AppConnection | null = null;
  #flight: Flight | null = null;
  /** No more of the request's body is wanted of the client: it was all there, or nobody takes the rest. */
  #bodyOver: boolean;
  /** The client waits for 100 Continue with its body: what it sends next may be that, or another request. */
  #holdsBack: boolean;
  /** An interim answer came: it is no answer, but whoever gave it has the request in hand. */
  #interim = false;
  /** Bytes of a head that is not whole yet. */
  #held: Buffer = EMPTY;
  #answer: Answer | null = null;
  /** All of an answer, the app's or the proxy's own, was given to the client's connection. */
  #answerWhole = false;
  #keepsClient = true;
  #clean = true;
  #over = false;
  /** Cuts a client that does not read the end of a stream. */
  #late: NodeJS.Timeout | undefined;

  constructor(client: Client, request: RequestHead) {
    this.#client = client;
    this.#request = request;
    this.#bodyOver = request.body === NO_BODY;
    this.#holdsBack = request.expectsContinue;
    this.#repeatable = this.#bodyOver && IDEMPOTENT.has(request.method);
    this.#need = request.upgrade === '' ? (this.#repeatable ? 'any' : 'told') : 'new';
  }

  start(): void {
    const picked = this.#client.context.pick(this.#request, this.#client);
    this.#attempts += 1;
    if (picked === null) this.#fail(503);
    else if ('status' in picked) this.#reply(picked);
    else this.#run(picked);
  }

  /** Whether an answer began. */
  get answered(): boolean {
    return this.#answer !== null || this.#answerWhole;
  }

  get answerWhole(): boolean {
    return this.#answerWhole;
  }

  /** Whether the end of the connection is the end of the answer, for the client. */
  get endsByClose(): boolean {
    return this.#answer?.framing === 'until-close';
  }

  // --- the request, from the client

  sendBody(bytes: Buffer): void {
    this.#holdsBack = false;
    if (this.#connection && !this.#connection.socket.write(bytes)) this.#waitForApp();
  }

  /** Bytes of a chunked body; with its trailers, maybe none, when they are the last ones. */
  sendChunk(bytes: Buffer, trailers: string | null): void {
    this.#holdsBack = false;
    if (bytes.length === 0 && trailers === null) return;
    if (this.#connection && !writeChunk(this.#connection.socket, '', bytes, trailers)) this.#waitForApp();
  }

  /** The body was given whole. */
  endBody(): void {
    this.#bodyOver = true;
    this.requestWhole = this.#connection !== null;
    this.#client.settled(AWAITED.taker);
    this.#expectAnswer();
    this.#endIfOver();
  }

  /** The rest of the request turned out to be malformed. Answers whether the client can still be told. */
  abort(): boolean {
    this.#clean = false;
    this.#letGo();
    return !this.answered;
  }

  /** There is no time left for the app to take the request, or to begin its answer. */
  onAnswerLate(): void {
    this.#dropConnection();
    this.#endFlight();
    this.#keepsClient = false;
    this.#fail(504);
  }

  onClientDrain(): void {
    this.#connection?.socket.resume();
  }

  onClientClose(): void {
    this.#letGo();
  }

  // --- the app

  onConnect(): void {
    this.#sendHead();
  }

  onDrain(): void {
    this.takesBody = true;
    this.#client.settled(AWAITED.taker);
    this.#client.take();
  }

  onData(bytes: Buffer, room: number): boolean {
    if (this.#answer) this.#takeAnswer(this.#answer, '', bytes, room);
    else this.#takeHead(bytes, room);
    return this.#client.socket.writableLength > 0;
  }

  onEnd(): void {
    const answer = this.#answer;
    // Only without length and chunks is this the end of the answer; what else it means is decided when the connection is closed.
    if (answer && !answer.whole && answer.head.endsByClose) this.#endAnswer(answer);
    else this.#connection?.socket.destroy();
  }

  onClose(): void {
    const failed = this.#connection;
    this.#connection = null;
    this.takesBody = false;
    if (!this.#answer) {
      this.#endFlight();
      if (failed) this.#repeatOrFail(failed);
    } else if (this.#answerWhole) this.#discardBody();
    else this.#cutOff();
  }

  #run(destination: Destination): void {
    this.#destination = destination;
    this.#flight = destination.begin();
    this.#connection = this.#client.context.apps.lend(destination, this.#need, this);
    if (this.#connection.connected) this.#sendHead();
  }

  #sendHead(): void {
    if (!this.#connection || !this.#destination) return;
    const { socket } = this.#connection;
    const head = requestBytes(this.#request, this.#client, this.#destination);
    this.takesBody = true;
    if (this.#bodyOver) {
      this.requestWhole = true;
      socket.write(head, 'latin1');
      this.#expectAnswer();
      return;
    }
    // With what is here of the body in one go.
    socket.cork();
    socket.write(head, 'latin1');
    this.#client.take();
    socket.uncork();
  }

  #expectAnswer(): void {
    const { answerTimeoutMs } = this.#client.context.limits;
    if (answerTimeoutMs > 0 && !this.answered && this.#connection) this.#client.waitFor(AWAITED.answer, answerTimeoutMs);
  }

  #takeHead(bytes: Buffer, room: number): void {
    const isWhole = this.#held.length === 0;
    const held = isWhole ? bytes : Buffer.concat([this.#held, bytes]);
    this.#held = EMPTY;
    let start = 0;
    while (!this.#answer && this.#connection) {
      const found = held.indexOf(END_OF_HEAD, start);
      const end = found + END_OF_HEAD.length;
      if ((found === -1 ? held.length : end) - start > MAX_ANSWER_HEAD_BYTES) {
        this.#malformed('its head is too large');
        return;
      }
      if (found === -1) {
        // Of its own: what it came in is used for what comes next.
        this.#held = Buffer.from(held.subarray(start));
        return;
      }
      const parsed = parseResponse(held, start, end);
      if (!parsed.ok) {
        this.#malformed(parsed.reason);
        return;
      }
      start = end;
      if (parsed.head.status >= 200) this.#beginAnswer(parsed.head, held.subarray(end), isWhole ? room + end : 0);
      else if (parsed.head.status === 101) {
        this.#switch(parsed.head, held.subarray(end));
        return;
      } else this.#passInterim(parsed.head);
    }
  }

  /** 100 Continue, 103 Early Hints. HTTP/1.0 knows none. */
  #passInterim({ status, statusLine, fields }: ResponseHead): void {
    this.#interim = true;
    if (this.#request.minor === 0 || (status === 100 && !this.#request.expectsContinue)) return;
    if (status === 100) this.#holdsBack = false;
    if (!this.#client.socket.write(`${statusLine}\r\n${fields}\r\n`, 'latin1')) this.#waitForClient();
  }

  #switch({ statusLine, raw }: ResponseHead, appHead: Buffer): void {
    const connection = this.#connection;
    const flight = this.#flight;
    if (!connection || !flight || this.#request.upgrade === '') {
      // A 101 that nobody asked for is no answer.
      this.#interim = true;
      connection?.socket.destroy();
      return;
    }
    this.#connection = null;
    this.#flight = null;
    this.#over = true;
    flight.answered(101);
    tunnel({
      head: `${statusLine}\r\n${raw}\r\n`,
      client: this.#client.socket,
      clientHead: this.#client.release(),
      app: connection,
      appHead,
      protocol: this.#request.upgrade,
      flight,
      stallTimeoutMs: this.#client.context.limits.stallTimeoutMs,
    });
  }

  #beginAnswer(head: ResponseHead, rest: Buffer, room: number): void {
    const answer = new Answer(head, this.#request);
    this.#answer = answer;
    this.#flight?.answered(head.status);
    this.#client.settled(AWAITED.answer | AWAITED.taker);
    this.#keepsClient =
      this.#request.keepAlive && answer.framing !== 'until-close' && !this.#mayFollowNoBody() && !this.#client.context.closing();
    // EventSource asks again by itself, and only ever by GET. What is streamed in answer to a POST (a language model's words) is asked for once.
    if (this.#request.method === 'GET' && head.isEventStream && answer.framing !== 'none') {
      this.#client.socket.setKeepAlive(true, STREAM_KEEP_ALIVE_MS);
      this.#flight?.stream(() => this.#closeStream(answer));
      this.#client.becomesStream();
      if (this.#connection) this.#connection.isStream = true;
    }
    const before = answerBytes(answer, this.#request, this.#destination?.answerHeaders, this.#keepsClient);
    this.#takeAnswer(answer, before, rest, room);
  }

  #takeAnswer(answer: Answer, before: string, bytes: Buffer, room: number): void {
    if (this.#answerWhole) {
      answer.overrun = true;
      this.#connection?.socket.destroy();
      return;
    }
    if (!answer.take(this.#client.socket, before, bytes, room)) this.#waitForClient();
    if (answer.whole) this.#endAnswered();
    else if (answer.broken) this.#cutOff();
  }

  /** While it answers, an app may leave the rest of the request for as long as it likes. */
  #waitForApp(): void {
    this.takesBody = false;
    if (!this.#answer || this.#answerWhole) this.#client.waitFor(AWAITED.taker);
  }

  #waitForClient(): void {
    this.#connection?.socket.pause();
    this.#client.waitFor(AWAITED.reader);
  }

  #endAnswer(answer: Answer): void {
    answer.end(this.#client.socket);
    this.#endAnswered();
  }

  #endAnswered(): void {
    this.#answerWhole = true;
    if (this.#mayFollowNoBody()) this.#bodyOver = true;
    if (this.#bodyOver || this.#answer?.head.keepAlive) {
      if (!this.#bodyOver && !this.takesBody) this.#waitForApp();
      this.#endIfOver();
      return;
    }
    // An app that says that it closes takes no more of the request, whether or not it gets round to closing.
    this.#dropConnection();
    this.#discardBody();
  }

  /** Whether an answer leaves it open what the client sends next: the body that it held back, or no body but another request. */
  #mayFollowNoBody(): boolean {
    return this.#holdsBack && !this.#bodyOver;
  }

  /** Ends a stream properly where it is, for a drain. */
  #closeStream(answer: Answer): void {
    if (answer.whole) return;
    if (answer.framing === 'length') {
      this.#cutOff();
      return;
    }
    this.#dropConnection();
    this.#late = setTimeout(() => {
      this.#clean = false;
      this.#client.cut();
    }, STREAM_CLOSE_GRACE_MS);
    this.#endAnswer(answer);
  }

  /** The answer cannot be completed, and must not look as if it were. */
  #cutOff(): void {
    this.#clean = false;
    this.#dropConnection();
    this.#client.cut();
  }

  #malformed(reason: string): void {
    this.#dropConnection();
    this.#endFlight();
    this.#fail(502, `the app's answer is malformed (${reason})`);
  }

  #repeatOrFail({ connected, reused }: AppConnection): void {
    if (this.#over || this.#client.socket.destroyed) return;
    const failed = this.#destination;
    const next = this.#client.context.pick(this.#request, this.#client);
    const moved = next !== null && !('status' in next) && !isSameAddress(next, failed);
    const safe = !connected || (this.#repeatable && !this.#interim);
    if (safe && this.#attempts < MAX_ATTEMPTS && (moved || (connected && reused))) {
      this.#need = 'new';
      this.#held = EMPTY;
      this.start();
      return;
    }
    const status = connected ? 502 : 503;
    if (failed?.silent) this.#reply(failed.silent(status));
    else this.#fail(status);
  }

  /** Nobody else answers. */
  #fail(status: 502 | 503 | 504, why?: string): void {
    this.#client.context.onFailure(status, this.#request);
    this.#reply(ownReply(status, why));
  }

  /** Answers for the app. */
  #reply(reply: Reply): void {
    const { keepAlive, minor, method } = this.#request;
    this.#client.settled(AWAITED.answer | AWAITED.taker);
    if (!keepAlive || minor === 0 || this.#mayFollowNoBody() || this.#client.context.closing()) this.#keepsClient = false;
    this.#answerWhole = true;
    this.#client.socket.write(encodeReply(reply, { withBody: method !== 'HEAD', close: !this.#keepsClient }));
    if (!this.#keepsClient) this.#bodyOver = true;
    this.#discardBody();
  }

  /** Nobody takes what is left of the request's body: it is read and dropped, so that the client sees its answer. */
  #discardBody(): void {
    if (this.#bodyOver) {
      this.#endIfOver();
      return;
    }
    this.takesBody = true;
    this.#client.settled(AWAITED.taker);
    this.#client.take();
  }

  /** Over when the client has the answer and the app the request. */
  #endIfOver(): void {
    if (this.#over || !this.#answerWhole || !this.#bodyOver) return;
    this.#over = true;
    this.#giveBack();
    const { socket } = this.#client;
    if (socket.writableLength === 0 || socket.destroyed) {
      this.#leaveClient();
      return;
    }
    this.#client.waitFor(AWAITED.reader);
    socket.write(EMPTY, () => this.#leaveClient());
  }

  #leaveClient(): void {
    this.#endFlight();
    this.#client.next(this.#keepsClient);
  }

  #giveBack(): void {
    const connection = this.#connection;
    // A body after HEAD, which CGI-like apps send, would be the next request's answer.
    if (!connection || !this.requestWhole || !this.#answer?.endShows || this.#request.method === 'HEAD') {
      this.#dropConnection();
      return;
    }
    this.#connection = null;
    connection.socket.resume();
    this.#client.context.apps.giveBack(connection, this.#answer.head.idleMs);
  }

  /** The client is gone, or of no more use. */
  #letGo(): void {
    this.#over = true;
    this.#dropConnection();
    this.#endFlight();
  }

  #dropConnection(): void {
    const connection = this.#connection;
    this.#connection = null;
    this.takesBody = false;
    if (!connection) return;
    connection.user = null;
    connection.socket.destroy();
  }

  #endFlight(): void {
    clearTimeout(this.#late);
    this.#flight?.end(this.#clean);
    this.#flight = null;
  }
}

function isSameAddress(one: Destination, other: Destination | null): boolean {
  return one.port === other?.port && one.host === other.host && one.socket === other.socket;
}
