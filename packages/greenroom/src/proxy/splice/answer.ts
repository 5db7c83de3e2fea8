import type { Socket } from 'node:net';
import { CHUNK_STATE, type ChunkScanner, createChunkScanner, gather } from './chunks.ts';
import type { RequestHead } from './request-head.ts';
import { CHUNKED_ANSWER, type ResponseHead } from './response-head.ts';
import { EMPTY, writeBehind, writeChunk, writeParts } from './writes.ts';

/** How an answer's body goes to the client. */
export type Framing = 'none' | 'length' | 'chunks' | 'until-close';

/** One answer on its way to the client: framed as the client understands it, each piece as soon as it comes. */
export class Answer {
  readonly head: ResponseHead;
  readonly framing: Framing;
  /** All of it was given to the client's connection. */
  whole = false;
  /** Its chunks are malformed. */
  broken = false;
  /** The app said more than its answer: what follows on that connection cannot be trusted. */
  overrun = false;
  readonly #chunks: ChunkScanner | null;
  #left: number;

  constructor(head: ResponseHead, { method, minor }: RequestHead) {
    this.head = head;
    if (method === 'HEAD' || head.status === 204 || head.status === 304) this.framing = 'none';
    else if (head.body >= 0) this.framing = 'length';
    else this.framing = minor === 1 ? 'chunks' : 'until-close';
    this.#left = head.body;
    this.#chunks = head.body === CHUNKED_ANSWER && this.framing !== 'none' ? createChunkScanner() : null;
  }

  /** Whether its end shows on the app's connection, so that another request may follow there: not where a body may come that must not. */
  get endShows(): boolean {
    if (!this.head.keepAlive || this.overrun) return false;
    return this.framing === 'none' ? this.head.endsByClose || this.head.body === 0 : !this.head.endsByClose;
  }

  /**
   * Writes `before`, the answer's head, and what of the body the bytes are, in front of which `room` bytes may be written over. Answers whether the
   * client's connection has room for more.
   */
  take(socket: Socket, before: string, bytes: Buffer, room: number): boolean {
    if (this.framing === 'none' || this.framing === 'length') return this.#takeSized(socket, before, bytes, room);
    if (this.#chunks) return this.#takeChunks(socket, before, bytes, this.#chunks);
    return this.framing === 'chunks' ? writeChunk(socket, before, bytes, null) : writeBehind(socket, before, bytes, room);
  }

  /** Ends it where it is. */
  end(socket: Socket): void {
    this.whole = true;
    if (this.framing === 'chunks') writeChunk(socket, '', EMPTY, '');
  }

  #takeSized(socket: Socket, before: string, bytes: Buffer, room: number): boolean {
    const left = this.framing === 'none' ? 0 : this.#left;
    const part = bytes.length > left ? bytes.subarray(0, left) : bytes;
    this.overrun = bytes.length > left;
    this.#left = left - part.length;
    this.whole = this.#left === 0;
    return writeBehind(socket, before, part, room);
  }

  #takeChunks(socket: Socket, before: string, bytes: Buffer, chunks: ChunkScanner): boolean {
    const runs: number[] = [];
    const end = chunks.scan(bytes, 0, runs);
    this.whole = chunks.state === CHUNK_STATE.done;
    this.broken = chunks.state === CHUNK_STATE.broken;
    this.overrun = end < bytes.length;
    const data = gather(bytes, runs);
    if (this.framing === 'chunks') return writeChunk(socket, before, data, this.whole ? chunks.trailers : null);
    return writeParts(socket, before, data, '');
  }
}
