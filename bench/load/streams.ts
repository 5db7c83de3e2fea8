import { randomUUID } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import WebSocket from 'ws';
import { type Client, type ClientSetting, COMMIT_HEADER } from './client.ts';
import { commitOf } from './requests.ts';

/** Between two messages of a WebSocket client. */
const MESSAGE_PAUSE_MS = 50;
/** Normal closure, and going away: the two ways to end a WebSocket that a browser takes as an end, not as an accident. */
const CLEAN_CLOSE_CODES = [1000, 1001];

/**
 * Holds a stream of server-sent events open. An end of the answer is clean (a browser opens it again by itself); a connection that breaks
 * inside the answer, or a stream that falls silent, is a failure.
 */
export function eventStreamClient({ kind, url, tally, timeoutMs, stopping }: ClientSetting): Client {
  return {
    once() {
      return new Promise((resolve, reject) => {
        let opening = tally.expectation();
        let previous = performance.now();
        const sent = request(url, { agent: false, headers: { accept: 'text/event-stream' } }, (response) => {
          response.once('error', end);
          const problem = streamProblem(response);
          if (problem !== '') return end(new Error(problem));
          const commit = commitOf(response);
          const events = eventCounter(() => {
            const now = performance.now();
            tally.ok(kind, { commit, expectation: opening, took_ms: now - previous });
            previous = now;
            silence.refresh();
            // Only the first event says which version took the request; an old stream may go on for a while after a swap.
            opening = { commit: '' };
          });
          response.on('data', (chunk: Buffer) => events(chunk.toString('latin1')));
          response.once('end', () => {
            tally.reconnected(kind, 0);
            end();
          });
        });
        const silence = setTimeout(() => end(new Error(`no event for ${timeoutMs} ms`)), timeoutMs);
        const stop = (): void => void sent.destroy();
        const end = (error?: Error): void => {
          clearTimeout(silence);
          stopping.removeEventListener('abort', stop);
          if (error !== undefined && !stopping.aborted) reject(error);
          else resolve();
          sent.destroy();
        };
        stopping.addEventListener('abort', stop);
        sent.on('error', end);
        sent.once('close', () => end(new Error('cut: the connection closed before the stream ended')));
        sent.end();
      });
    },
    close: () => undefined,
  };
}

/** Holds a WebSocket open, sends a text at a time and wants it back. Only a close handshake with 1000 or 1001 is a clean end. */
export function webSocketClient({ kind, url, tally, timeoutMs, stopping }: ClientSetting): Client {
  const address = new URL(url);
  address.protocol = 'ws:';
  return {
    once() {
      return new Promise((resolve, reject) => {
        let expectation = tally.expectation();
        let commit = '';
        let waiting = '';
        let sentAt = performance.now();
        let problem: Error | undefined;
        let pause: NodeJS.Timeout | undefined;
        const socket = new WebSocket(address, { handshakeTimeout: timeoutMs, perMessageDeflate: false });
        const silence = setTimeout(() => fail(new Error(`no echo for ${timeoutMs} ms`)), timeoutMs);
        const fail = (error: Error): void => {
          problem ??= error;
          socket.terminate();
        };
        const send = (): void => {
          waiting = randomUUID();
          sentAt = performance.now();
          socket.send(waiting);
        };
        const stop = (): void => socket.close(1000);

        stopping.addEventListener('abort', stop);
        socket.once('upgrade', (response) => {
          commit = String(response.headers[COMMIT_HEADER] ?? '');
        });
        socket.once('open', send);
        socket.on('message', (data) => {
          if (String(data) !== waiting) return fail(new Error(`wrong echo: "${String(data).slice(0, 60)}" for "${waiting}"`));
          waiting = '';
          tally.ok(kind, { commit, expectation, took_ms: performance.now() - sentAt });
          expectation = { commit: '' };
          silence.refresh();
          pause = setTimeout(() => socket.readyState === WebSocket.OPEN && send(), MESSAGE_PAUSE_MS);
        });
        socket.on('error', (error) => {
          problem ??= error;
        });
        socket.once('close', (code, reason) => {
          clearTimeout(silence);
          clearTimeout(pause);
          stopping.removeEventListener('abort', stop);
          if (stopping.aborted) return resolve();
          if (problem === undefined && !CLEAN_CLOSE_CODES.includes(code)) {
            problem = new Error(`closed with ${code}${code === 1006 ? ' (cut without a close handshake)' : ` ${String(reason)}`}`);
          }
          if (problem !== undefined) return reject(problem);
          tally.reconnected(kind, waiting === '' ? 0 : 1);
          resolve();
        });
      });
    },
    close: () => undefined,
  };
}

function streamProblem(response: IncomingMessage): string {
  if (response.statusCode !== 200) return `status ${response.statusCode}`;
  const type = response.headers['content-type'] ?? '';
  return type.startsWith('text/event-stream') ? '' : `content type "${type}" instead of text/event-stream`;
}

/** Calls back for each event that carries data. An event ends at an empty line, wherever the chunks are cut. */
function eventCounter(found: () => void): (chunk: string) => void {
  let rest = '';
  return (chunk) => {
    const blocks = (rest + chunk).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) if (/^data:/m.test(block)) found();
  };
}
