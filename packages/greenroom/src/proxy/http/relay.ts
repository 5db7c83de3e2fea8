import type { IncomingMessage, ServerResponse } from 'node:http';
import { responseHeaders, trailerPairs } from './headers.ts';
import { answerItself } from './own-answer.ts';

/** How long a client may take to read the end of a stream that is closed on it. */
const STREAM_CLOSE_GRACE_MS = 1_000;

export interface Closer {
  /** Ends the answer properly where it is. */
  close(): void;
  /** To be called when the connection to the app broke: cuts the client's too, unless the answer was whole. */
  broken(): void;
}

/**
 * Passes the app's answer, with `more` headers, to the client, at the client's pace, each piece as soon as it comes. `onCut` is called when the connection had to be
 * cut because the answer cannot be completed. Answers null when the answer cannot be passed on at all (the client gets 502).
 */
export function relayAnswer(
  answer: IncomingMessage,
  response: ServerResponse,
  onCut: () => void,
  more: readonly string[] = [],
): Closer | null {
  const hasLength = answer.headers['content-length'] !== undefined && answer.headers['transfer-encoding'] === undefined;
  const hasBody = response.req.method !== 'HEAD' && answer.statusCode !== 204 && answer.statusCode !== 304;
  const chunked = hasBody && !hasLength && response.req.httpVersion === '1.1';
  try {
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', [...responseHeaders(answer.rawHeaders, chunked), ...more]);
  } catch (error) {
    answerItself(response, 502, { close: true, detail: `the app's answer is malformed (${(error as Error).message})` });
    return null;
  }
  // With the first piece of the body when that is here already, else alone: an event stream's head must not wait for its first event.
  setImmediate(() => {
    if (!response.writableEnded && !response.destroyed) response.flushHeaders();
  });

  let closing = false;
  answer.pipe(response, { end: false });
  answer.once('end', () => {
    if (closing) return;
    const trailers = chunked ? trailerPairs(answer.rawTrailers) : [];
    if (trailers.length > 0) response.addTrailers(trailers);
    response.end();
  });
  answer.on('error', cutOff);
  answer.once('close', () => {
    if (!answer.complete) cutOff();
  });

  function cutOff(): void {
    if (closing || response.closed || response.writableEnded) return;
    onCut();
    // Without length and chunks only a reset says that the answer is not complete.
    if (!hasLength && !chunked && hasBody) response.socket?.resetAndDestroy();
    else response.socket?.destroy();
  }

  return {
    broken() {
      if (!answer.complete) cutOff();
    },
    close() {
      if (closing || response.writableEnded) return;
      if (hasLength) return cutOff();
      closing = true;
      answer.unpipe(response);
      response.end();
      const timer = setTimeout(() => {
        onCut();
        response.socket?.destroy();
      }, STREAM_CLOSE_GRACE_MS);
      response.once('close', () => clearTimeout(timer));
    },
  };
}
