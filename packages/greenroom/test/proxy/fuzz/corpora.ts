import { CASES } from '../conformance.ts';
import { ANSWER_CASES } from '../conformance-answers.ts';
import { run } from './ours.ts';
import { newReached, type Reached, traceAnswer, traceRequests } from './reached.ts';

const NEXT = 'GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const OK = { pieces: [Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')], ends: false };

/** More is cut only here and there by anybody. */
const MAX_BYTEWISE = 600;

/** Takes both lists of cases through the data path, whole and byte by byte; answers with the states that they reach. */
export function runCorpora(): Reached {
  const reached = newReached();
  for (const { bytes } of CASES) {
    const all = Buffer.from(bytes + NEXT, 'latin1');
    traceRequests(all, reached);
    for (const client of [[all], bytewise(all)]) for (const eager of [true, false]) run({ client, app: OK, eager }, reached);
  }
  for (const { request, bytes, ends } of ANSWER_CASES) {
    const answer = Buffer.from(bytes, 'latin1');
    const client = [Buffer.from(request + NEXT, 'latin1')];
    traceAnswer(answer, reached);
    for (const pieces of [[answer], bytewise(answer)]) run({ client, app: { pieces, ends }, eager: true }, reached);
  }
  return reached;
}

function bytewise(bytes: Buffer): Buffer[] {
  return bytes.length > MAX_BYTEWISE ? [bytes] : Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}
