import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';

// Not an import statement: binding node:http's names as ES module exports loads the whole fetch implementation (28 ms, 12 MB).
const http = process.getBuiltinModule('node:http');

/** The service writes the head of an answer at once; only bodies stream. */
const HEAD_LIMIT_MS = 30_000;

export interface Outgoing {
  method: string;
  path: string;
  headers: OutgoingHttpHeaders;
  /** Is read only from now on, when there is a connection to send it over. */
  body: Readable | Buffer | null;
  signal?: AbortSignal;
}

/** Sends a request over a connection of its own and answers the head of the response. Throws when the connection ends before that. */
export async function send(socket: Socket, { method, path, headers, body, signal }: Outgoing): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = http.request({ createConnection: () => socket, method, path, headers, ...(signal && { signal }) }, resolve);
  // Stays for the life of the request: what fails after the head was read is told by the response.
  request.on('error', reject);
  const limit = setTimeout(() => request.destroy(new Error('The chat service does not answer.')), HEAD_LIMIT_MS);
  if (body === null || Buffer.isBuffer(body)) request.end(body ?? undefined);
  else {
    body.once('error', (error) => request.destroy(error));
    body.pipe(request);
  }
  try {
    return await promise;
  } finally {
    clearTimeout(limit);
  }
}
