import { Agent, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request as open } from 'node:http';

export interface Sent {
  method?: string;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer;
  signal?: AbortSignal;
  /** Keeps the connection for the next request, as browsers do. */
  keep?: boolean;
}

/** Sends a request exactly as it is written here, and answers the head of the response. */
export function begin(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body, signal, keep }: Sent = {},
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
  const options = {
    host: '127.0.0.1',
    port,
    path,
    method,
    headers: { 'x-user': 'ann', ...length, ...headers },
    agent: keep ? new Agent({ keepAlive: true }) : (false as const),
  };
  const request = open({ ...options, ...(signal && { signal }) }, resolve);
  request.on('error', reject);
  request.end(body);
  return promise;
}

export interface Got {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  text: string;
  /** The body as JSON. */
  json: () => { code?: string; error?: string; said?: string };
}

export async function call(port: number, path: string, sent: Sent = {}): Promise<Got> {
  const response = await begin(port, path, sent);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const text = body.toString('utf8');
  return { status: response.statusCode ?? 0, headers: response.headers, body, text, json: () => JSON.parse(text) };
}

/** A call that changes something, as the element sends it. */
export function postJson(port: number, path: string, content: unknown, headers: OutgoingHttpHeaders = {}): Promise<Got> {
  const body = JSON.stringify(content);
  return call(port, path, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', 'x-greenroom-request': '1', ...headers },
  });
}

/** The next piece of a stream, as text; '' at its end. */
export function nextChunk(response: IncomingMessage): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const settle = (text: string): void => {
    response.off('data', onData).off('end', onEnd).off('error', reject);
    response.pause();
    resolve(text);
  };
  const onData = (chunk: Buffer): void => settle(chunk.toString('utf8'));
  const onEnd = (): void => settle('');
  response.on('data', onData).on('end', onEnd).on('error', reject);
  response.resume();
  return promise;
}
