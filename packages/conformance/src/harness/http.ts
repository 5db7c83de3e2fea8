import { type Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';

const DEFAULT_TIMEOUT_MS = 30_000;

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface HttpRequest {
  port: number;
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** Without one, each request has a connection of its own. */
  agent?: Agent;
  timeoutMs?: number;
  /** Called when the first bytes of the body have come. */
  onFirstData?: () => void;
}

/** One HTTP exchange with 127.0.0.1, never tried again. Rejects with what a client would see: refused, reset, cut off, too late. */
export function exchange(options: HttpRequest): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const body = options.body ?? '';
  const outgoing = httpRequest(
    {
      host: '127.0.0.1',
      port: options.port,
      method: options.method ?? 'GET',
      path: options.path ?? '/',
      agent: options.agent ?? false,
      headers: { ...(body.length > 0 ? { 'content-length': String(Buffer.byteLength(body)) } : {}), ...options.headers },
    },
    (incoming) => {
      const parts: Buffer[] = [];
      incoming.once('data', () => options.onFirstData?.());
      incoming.on('data', (part: Buffer) => parts.push(part));
      incoming.on('error', reject);
      incoming.on('end', () => {
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(parts).toString('utf8') });
      });
    },
  );
  outgoing.setTimeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS, () => {
    outgoing.destroy(new Error(`no answer within ${options.timeoutMs ?? DEFAULT_TIMEOUT_MS} ms`));
  });
  outgoing.on('error', reject);
  outgoing.end(body);
  return promise;
}

/** The body as a JSON object; throws a sentence when it is not one. */
export function jsonOf(answer: Answer): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(answer.body);
  } catch (cause) {
    throw new Error(`answer ${answer.status} is not JSON: ${answer.body.slice(0, 200)}`, { cause });
  }
  if (typeof value !== 'object' || value === null)
    throw new Error(`answer ${answer.status} is not a JSON object: ${answer.body.slice(0, 200)}`);
  return value as Record<string, unknown>;
}
