import type { Socket } from 'node:net';
import type { Destination, Flight, Reply } from '../data-path.ts';
import { type AppConnection, type AppUser, handOver } from './app-connections.ts';
import { CHUNK_STATE, type ChunkScanner, createChunkScanner } from './chunks.ts';
import type { Client } from './client.ts';
import { requestBytes } from './forward.ts';
import { MAX_ANSWER_HEAD_BYTES } from './limits.ts';
import { encodeReply, httpDate, ownReply } from './own-answer.ts';
import { CHUNKED_BODY, NO_BODY, type RequestHead } from './request-head.ts';
import { CHUNKED_ANSWER, parseResponse, type ResponseHead, UNTIL_CLOSE } from './response-head.ts';
import { tunnel } from './tunnel.ts';

/** Bound on sending one request again. */
const MAX_ATTEMPTS = 3;
/** How long a client may take to read the end of a stream that is closed on it. */
const STREAM_CLOSE_GRACE_MS = 1_000;
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
const END_OF_HEAD = '\r\n\r\n';
/** Up to here a head and the bytes behind it are put together and written as one. */
const JOIN_BYTES = 16 * 1024;
const EMPTY = Buffer.alloc(0);

/** How the answer's body goes to the client. */
type Framing = 'none' | 'length' | 'chunks' | 'until-close';

/**
 * Carries one request to an app and its answer back. It is sent again only when nothing of it was sent, or when it is idempotent, has no body
 * and got no answer; and only to another address than the one that failed, or because a reused connection turned out to be closed. So it ends.
 */
export class Exchange implements AppUser {
  /** The head was sent, and the app's connection has room for more of the body. */
  takesBody = false;
  readonly #client: Client;
  readonly #request: RequestHead;
  readonly #repeatable: boolean;
  #attempts = 0;
  #useFresh: boolean;
  #destination: Destination | null = null;
  #connection: AppConnection | null = null;
  #flight: Flight | null = null;
  #bodySent: boolean;
  /** Nobody takes what is left of the request's body: it is read and dropped. */
  #discards = false;
  /** An interim answer came: it is no answer, but whoever gave it has the request in hand. */
  #interim = false;
  /** Bytes of a head that is not whole yet. */
  #held: Buffer = EMPTY;
  #answer: ResponseHead | null = null;
  #framing: Framing = 'none';
  #left = 0;
  #chunks: ChunkScanner | null = null;
  /** All of the answer was given to the client's connection. */
  #answerWhole = false;
  /** The app said more than its answer: what follows on that connection cannot be trusted. */
  #overrun = false;
  #keepsClient = true;
  #clean = true;
  #over = false;

  constructor(client: Client, request: RequestHead) {
    this.#client = client;
    this.#request = request;
    this.#bodySent = request.body === NO_BODY;
    this.#repeatable = this.#bodySent && IDEMPOTENT.has(request.method);
    this.#useFresh = !this.#repeatable || request.upgrade !== '';
  }

  start(): void {
    const picked = this.#pick();
    this.#attempts += 1;
    if (picked === null) this.#reply(ownReply(503));
    else if ('status' in picked) this.#reply(picked);
    else this.#run(picked);
  }

  // --- the request, from the client

  sendBody(bytes: Buffer): void {
    if (this.#connection && !this.#discards && !this.#connection.socket.write(bytes)) this.takesBody = false;
  }

  sendChunk(bytes: Buffer): void {
    if (this.#connection && !this.#discards && !writeChunk(this.#connection.socket, bytes)) this.takesBody = false;
  }

  endBody(trailers: string): void {
    this.#bodySent = true;
    if (this.#request.body === CHUNKED_BODY && !this.#discards) this.#connection?.socket.write(`0\r\n${trailers}\r\n`, 'latin1');
    this.#expectAnswer();
    this.#endIfOver();
  }

  /** The rest of the request turned out to be malformed. Answers whether the client can still be told. */
  abort(): boolean {
    this.#clean = false;
    this.#letGo();
    return this.#answer === null && !this.#answerWhole;
  }

  get answerWhole(): boolean {
    return this.#answerWhole;
  }

  get answered(): boolean {
    return this.#answer !== null || this.#answerWhole;
  }

  /** The app did not begin to answer in time. */
  onAnswerLate(): void {
    this.#dropConnection();
    this.#endFlight();
    this.#keepsClient = false;
    this.#reply(ownReply(504));
  }

  onClientDrain(): void {
    this.#client.expectNothing();
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
    this.#client.take();
  }

  onData(bytes: Buffer): void {
    if (this.#answer) this.#takeAnswer(bytes);
    else this.#takeHead(bytes);
  }

  onEnd(): void {
    if (this.#answer?.body === UNTIL_CLOSE && !this.#answerWhole) this.#endAnswer('');
    // What else that means is decided when the connection is closed.
    else this.#connection?.socket.destroy();
  }

  onClose(broken: boolean): void {
    const failed = this.#connection;
    this.#connection = null;
    this.takesBody = false;
    if (!this.#answer) {
      this.#endFlight();
      if (failed) this.#repeatOrFail(failed);
    } else if (!this.#answerWhole) this.#cutOff(broken);
    else this.#discardBody();
  }

  #pick(): Destination | Reply | null {
    return this.#client.context.pick(this.#request.path, this.#request.cookies);
  }

  #run(destination: Destination): void {
    this.#destination = destination;
    this.#flight = destination.begin();
    this.#connection = this.#client.context.apps.lend(destination, this.#useFresh, this);
    if (this.#connection.connected) this.#sendHead();
  }

  #sendHead(): void {
    if (!this.#connection || !this.#destination) return;
    this.#connection.socket.write(requestBytes(this.#request, this.#client, this.#destination), 'latin1');
    this.takesBody = true;
    if (this.#bodySent) this.#expectAnswer();
    else this.#client.take();
  }

  #expectAnswer(): void {
    const { answerTimeoutMs } = this.#client.context.limits;
    if (answerTimeoutMs > 0 && !this.#answer && this.#connection) this.#client.deadline = performance.now() + answerTimeoutMs;
  }

  #takeHead(bytes: Buffer): void {
    let held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    this.#held = EMPTY;
    while (!this.#answer && this.#connection) {
      const found = held.indexOf(END_OF_HEAD, 0, 'latin1');
      const end = found + END_OF_HEAD.length;
      if (found === -1 ? held.length > MAX_ANSWER_HEAD_BYTES : end > MAX_ANSWER_HEAD_BYTES) {
        this.#malformed('its head is too large');
        return;
      }
      if (found === -1) {
        this.#held = held;
        return;
      }
      const parsed = parseResponse(held, 0, end);
      if (!parsed.ok) {
        this.#malformed(parsed.reason);
        return;
      }
      held = held.subarray(end);
      if (parsed.head.status >= 200) this.#beginAnswer(parsed.head, held);
      else if (parsed.head.status === 101) {
        this.#switch(parsed.head, held);
        return;
      } else this.#passInterim(parsed.head);
    }
  }

  /** 100 Continue, 103 Early Hints. HTTP/1.0 knows none. */
  #passInterim({ status, statusLine, fields }: ResponseHead): void {
    this.#interim = true;
    if (this.#request.minor === 0 || (status === 100 && !this.#request.expectsContinue)) return;
    this.#client.socket.write(`${statusLine}\r\n${fields}\r\n`, 'latin1');
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
    connection.user = null;
    this.#connection = null;
    this.#over = true;
    tunnel({
      head: `${statusLine}\r\n${raw}\r\n`,
      client: this.#client.socket,
      clientHead: this.#client.release(),
      app: handOver(connection),
      appHead,
      protocol: this.#request.upgrade,
      flight,
    });
  }

  #beginAnswer(head: ResponseHead, rest: Buffer): void {
    const { method, minor, expectsContinue, keepAlive } = this.#request;
    this.#answer = head;
    this.#client.expectNothing();
    const hasBody = method !== 'HEAD' && head.status !== 204 && head.status !== 304;
    if (!hasBody) this.#framing = 'none';
    else if (head.body >= 0) this.#framing = 'length';
    else this.#framing = minor === 1 ? 'chunks' : 'until-close';
    this.#left = head.body;
    this.#chunks = head.body === CHUNKED_ANSWER ? createChunkScanner() : null;
    // A client that waited for 100 and got an answer may or may not send its body: what follows could be either.
    this.#keepsClient =
      keepAlive && this.#framing !== 'until-close' && !(expectsContinue && !this.#bodySent) && !this.#client.context.closing();
    const bytes = this.#answerHead(head);
    // EventSource asks again by itself, and only ever by GET. What is streamed in answer to a POST (a language model's words) is asked for once.
    if (method === 'GET' && head.isEventStream && hasBody) this.#flight?.stream(() => this.#closeStream());
    if (this.#framing === 'none' || (this.#framing === 'length' && this.#left === 0)) {
      this.#overrun = rest.length > 0;
      this.#client.socket.write(bytes, 'latin1');
      this.#endAnswer('');
    } else if (this.#framing === 'length' && rest.length > 0) {
      this.#takeSized(rest, bytes);
    } else {
      this.#client.socket.write(bytes, 'latin1');
      if (rest.length > 0) this.#takeAnswer(rest);
    }
  }

  #answerHead({ statusLine, fields, lengthField, trailerField, hasDate, status }: ResponseHead): string {
    let head = `${statusLine}\r\n${fields}`;
    if (this.#framing === 'chunks') head += `${trailerField}Transfer-Encoding: chunked\r\n`;
    else if (status !== 204) head += lengthField;
    if (!hasDate) head += `Date: ${httpDate()}\r\n`;
    const more = this.#destination?.answerHeaders ?? [];
    for (let i = 0; i < more.length; i += 2) head += `${more[i]}: ${more[i + 1]}\r\n`;
    if (!this.#keepsClient) head += 'Connection: close\r\n';
    else if (this.#request.minor === 0) head += 'Connection: keep-alive\r\n';
    return `${head}\r\n`;
  }

  #takeAnswer(bytes: Buffer): void {
    if (this.#answerWhole) {
      this.#overrun = true;
      this.#connection?.socket.destroy();
    } else if (this.#framing === 'length') this.#takeSized(bytes, '');
    else if (this.#chunks) this.#takeChunks(this.#chunks, bytes);
    else this.#pass(bytes);
  }

  /** Writes the part of the answer that the bytes are, behind its head where that was not written yet. */
  #takeSized(bytes: Buffer, head: string): void {
    const part = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
    this.#overrun = bytes.length > this.#left;
    this.#left -= part.length;
    if (!writeTogether(this.#client.socket, head, part)) this.#waitForClient();
    if (this.#left === 0) this.#endAnswer('');
  }

  #takeChunks(chunks: ChunkScanner, bytes: Buffer): void {
    const end = chunks.scan(bytes, 0, (from, to) => this.#pass(bytes.subarray(from, to)));
    if (chunks.state === CHUNK_STATE.broken) {
      this.#cutOff(false);
      return;
    }
    if (chunks.state !== CHUNK_STATE.done) return;
    this.#overrun = end < bytes.length;
    this.#endAnswer(chunks.trailers);
  }

  #pass(bytes: Buffer): void {
    const { socket } = this.#client;
    const more = this.#framing === 'chunks' ? writeChunk(socket, bytes) : socket.write(bytes);
    if (!more) this.#waitForClient();
  }

  #waitForClient(): void {
    this.#connection?.socket.pause();
    this.#client.expectProgress();
  }

  #endAnswer(trailers: string): void {
    this.#answerWhole = true;
    // A client that waited for 100 does not send its body now, or sends it on a connection that ends.
    if (this.#request.expectsContinue) this.#bodySent = true;
    if (this.#framing === 'chunks') this.#client.socket.write(`0\r\n${trailers}\r\n`, 'latin1');
    this.#endIfOver();
  }

  /** Ends a stream properly where it is, for a drain. */
  #closeStream(): void {
    if (this.#answerWhole) return;
    if (this.#framing === 'length') {
      this.#cutOff(false);
      return;
    }
    this.#dropConnection();
    const { socket } = this.#client;
    const late = setTimeout(() => {
      this.#clean = false;
      socket.destroy();
    }, STREAM_CLOSE_GRACE_MS);
    this.#endAnswer('');
    this.#whenFlushed(() => clearTimeout(late));
    socket.once('close', () => clearTimeout(late));
  }

  /** The answer cannot be completed, and must not look as if it were. */
  #cutOff(broken: boolean): void {
    this.#clean = false;
    this.#dropConnection();
    // Without length and chunks only a reset says that the answer is not complete.
    if (this.#framing === 'until-close' && broken) this.#client.socket.resetAndDestroy();
    else this.#client.socket.destroy();
  }

  #malformed(reason: string): void {
    this.#dropConnection();
    this.#endFlight();
    this.#reply(ownReply(502, `the app's answer is malformed (${reason})`));
  }

  #repeatOrFail({ connected, reused }: AppConnection): void {
    if (this.#over || this.#client.socket.destroyed) return;
    const failed = this.#destination;
    const next = this.#pick();
    const moved =
      next !== null && !('status' in next) && (next.port !== failed?.port || next.host !== failed.host || next.socket !== failed.socket);
    const safe = !connected || (this.#repeatable && !this.#interim);
    if (safe && this.#attempts < MAX_ATTEMPTS && (moved || (connected && reused))) {
      this.#useFresh = true;
      this.#held = EMPTY;
      this.start();
      return;
    }
    const status = connected ? 502 : 503;
    this.#reply(failed?.silent?.(status) ?? ownReply(status));
  }

  /** Answers for the app. */
  #reply(reply: Reply): void {
    const { expectsContinue, keepAlive, method } = this.#request;
    if (!keepAlive || (expectsContinue && !this.#bodySent)) this.#keepsClient = false;
    this.#answerWhole = true;
    this.#client.socket.write(encodeReply(reply, { withBody: method !== 'HEAD', close: !this.#keepsClient }));
    if (this.#bodySent || !this.#keepsClient) {
      this.#bodySent = true;
      this.#endIfOver();
    } else this.#discardBody();
  }

  #discardBody(): void {
    if (!this.#bodySent) {
      this.#discards = true;
      this.takesBody = true;
      this.#client.take();
    } else this.#endIfOver();
  }

  /** Over when the client has the answer and the app the request. */
  #endIfOver(): void {
    if (this.#over || !this.#answerWhole || !this.#bodySent) return;
    this.#over = true;
    this.#giveBack();
    this.#whenFlushed(() => {
      this.#endFlight();
      this.#client.next(this.#keepsClient);
    });
  }

  #giveBack(): void {
    const connection = this.#connection;
    this.#connection = null;
    if (!connection) return;
    const answer = this.#answer;
    if (answer?.keepAlive && answer.body !== UNTIL_CLOSE && !this.#overrun) {
      connection.socket.resume();
      this.#client.context.apps.giveBack(connection, answer.idleMs);
    } else {
      connection.user = null;
      connection.socket.destroy();
    }
  }

  #whenFlushed(callback: () => void): void {
    const { socket } = this.#client;
    if (socket.writableLength === 0 || socket.destroyed) callback();
    else {
      this.#client.expectProgress();
      socket.write(EMPTY, () => callback());
    }
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
    this.#flight?.end(this.#clean);
    this.#flight = null;
  }
}

/** Writes a head and what follows it; answers whether there is room for more. */
function writeTogether(socket: Socket, head: string, bytes: Buffer): boolean {
  if (head === '') return socket.write(bytes);
  if (head.length + bytes.length <= JOIN_BYTES) {
    const joined = Buffer.allocUnsafe(head.length + bytes.length);
    joined.write(head, 0, 'latin1');
    bytes.copy(joined, head.length);
    return socket.write(joined);
  }
  socket.cork();
  socket.write(head, 'latin1');
  const more = socket.write(bytes);
  socket.uncork();
  return more;
}

function writeChunk(socket: Socket, bytes: Buffer): boolean {
  socket.cork();
  socket.write(`${bytes.length.toString(16)}\r\n`, 'latin1');
  socket.write(bytes);
  const more = socket.write('\r\n', 'latin1');
  socket.uncork();
  return more;
}
