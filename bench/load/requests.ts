import { randomBytes } from 'node:crypto';
import { Agent, type IncomingMessage, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import { type Client, type ClientSetting, COMMIT_HEADER } from './client.ts';

const MAX_POST_BYTES = 65_536;
const SHOWN_BODY_CHARS = 200;

/** Sends one request at a time, on one kept connection or on a new one each, and checks the whole answer. */
export function requestClient({ kind, url, tally, timeoutMs }: ClientSetting): Client {
  const kept = kind === 'get' || kind === 'post' || kind === 'slow';
  const posts = kind === 'post' || kind === 'post-new';
  const agent = kept ? new Agent({ keepAlive: true, maxSockets: 1 }) : false;

  return {
    async once() {
      const expectation = tally.expectation();
      const started = performance.now();
      const body = posts ? randomBytes(1 + Math.floor(Math.random() ** 3 * MAX_POST_BYTES)) : undefined;
      const { response, received } = await exchange(url, agent, body, timeoutMs);
      const status = response.statusCode ?? 0;
      if (status !== 200) throw new Error(`status ${status}: ${received.toString('utf8', 0, SHOWN_BODY_CHARS)}`);
      if (body !== undefined && !received.equals(body)) {
        throw new Error(
          `wrong echo: ${received.length} bytes came back of ${body.length}${received.length === body.length ? ', changed' : ''}`,
        );
      }
      tally.ok(kind, { commit: commitOf(response), expectation, took_ms: performance.now() - started });
    },
    close() {
      if (agent !== false) agent.destroy();
    },
  };
}

export function commitOf(response: IncomingMessage): string {
  return String(response.headers[COMMIT_HEADER] ?? '');
}

interface Exchange {
  response: IncomingMessage;
  received: Buffer;
}

/** One request, never repeated. Rejects when the answer does not arrive whole, within the time. */
function exchange(url: URL, agent: Agent | false, body: Buffer | undefined, timeoutMs: number): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/octet-stream', 'content-length': body.length };
    const sent = request(url, { agent, headers, method: body === undefined ? 'GET' : 'POST' }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', fail);
      response.once('end', () => {
        clearTimeout(timer);
        resolve({ response, received: Buffer.concat(chunks) });
      });
    });
    const timer = setTimeout(() => fail(new Error(`no whole answer within ${timeoutMs} ms`)), timeoutMs);
    function fail(error: Error): void {
      clearTimeout(timer);
      reject(error);
      sent.destroy();
    }
    // Stays for the whole life of the request: an error that comes after the answer must not end this process.
    sent.on('error', fail);
    sent.end(body);
  });
}
