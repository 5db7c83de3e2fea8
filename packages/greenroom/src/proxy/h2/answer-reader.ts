import { CHUNK_STATE, type ChunkScanner, createChunkScanner, gather } from '../splice/chunks.ts';
import { CHUNKED_ANSWER, parseResponse, type ResponseHead } from '../splice/response-head.ts';
import { EMPTY } from '../splice/writes.ts';

/** What an answer in HTTP/1.1 says, piece by piece. */
export interface AnswerEvents {
  /** 100 Continue, 103 Early Hints. */
  onInterim(status: number, fields: [string, string][]): void;
  /** `hasBody` is false where there is none by length, status or method. */
  onHead(status: number, fields: [string, string][], hasBody: boolean): void;
  onBody(bytes: Buffer): void;
  /** With trailers, maybe none. */
  onEnd(trailers: [string, string][]): void;
}

const END_OF_HEAD = Buffer.from('\r\n\r\n', 'latin1');

/** Reads one answer that this proxy wrote itself, so there is nothing malformed in it. Answers a function that takes its bytes as they come. */
export function createAnswerReader(method: string, events: AnswerEvents): (bytes: Buffer) => void {
  let held: Buffer = EMPTY;
  let left = 0;
  let chunks: ChunkScanner | null = null;
  let state: 'head' | 'body' | 'over' = 'head';

  function end(trailers: string): void {
    state = 'over';
    events.onEnd(fieldsOf(trailers));
  }

  function takeHead(): Buffer {
    const found = held.indexOf(END_OF_HEAD);
    if (found === -1) return EMPTY;
    const at = found + END_OF_HEAD.length;
    const parsed = parseResponse(held, 0, at);
    const rest = held.subarray(at);
    held = EMPTY;
    if (!parsed.ok) throw new Error(`an answer of the proxy's own making that it cannot read: ${parsed.reason}`);
    begin(parsed.head);
    return rest;
  }

  function begin(head: ResponseHead): void {
    const { status, body } = head;
    const fields = fieldsOf(head.fields);
    if (status < 200) {
      events.onInterim(status, fields);
      return;
    }
    const none = method === 'HEAD' || status === 204 || status === 304 || body === 0;
    events.onHead(status, fields, !none);
    if (none) {
      end('');
      return;
    }
    state = 'body';
    left = body;
    chunks = body === CHUNKED_ANSWER ? createChunkScanner() : null;
  }

  function takeBody(bytes: Buffer): void {
    if (!chunks) {
      left -= bytes.length;
      events.onBody(bytes);
      if (left === 0) end('');
      return;
    }
    const runs: number[] = [];
    chunks.scan(bytes, 0, runs);
    const data = gather(bytes, runs);
    if (data.length > 0) events.onBody(data);
    if (chunks.state === CHUNK_STATE.done) end(chunks.trailers);
  }

  return (bytes) => {
    let rest = bytes;
    while (rest.length > 0 && state !== 'over') {
      if (state === 'body') {
        takeBody(rest);
        return;
      }
      held = held.length === 0 ? rest : Buffer.concat([held, rest]);
      rest = takeHead();
    }
  };
}

/** Names in lower case, as HTTP/2 wants them. */
function fieldsOf(lines: string): [string, string][] {
  return lines
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    });
}
