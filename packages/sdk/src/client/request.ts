import type { IncomingMessage } from 'node:http';

// Not an import statement: binding node:http's names as ES module exports loads the whole fetch implementation (28 ms, 12 MB).
const http = process.getBuiltinModule('node:http');

/** Where an orchestrator listens: a Unix socket's path, or a port on 127.0.0.1. */
export type Address = { socket: string } | { port: number };

export interface Call {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: object;
  signal?: AbortSignal;
}

export interface Answer {
  /** The request, for messages: `GET /status`. */
  call: string;
  status: number;
  body: string;
}

/** Nobody answers at the address, or the connection ended before the answer did. The message is a sentence for people. */
export class GreenroomUnreachable extends Error {
  override readonly name = 'GreenroomUnreachable';
  readonly address: string;
  /** The system's error code, such as `ECONNREFUSED`. */
  readonly reason: string;

  constructor(address: string, reason: string, options?: ErrorOptions) {
    super(sentence(address, reason), options);
    this.address = address;
    this.reason = reason;
  }
}

/** Something answered, but not as the orchestrator's API does. */
export class GreenroomAnswerError extends Error {
  override readonly name = 'GreenroomAnswerError';
  readonly status: number;

  constructor(address: string, call: string, answer: { status: number; body: string }, options?: ErrorOptions) {
    const said = errorText(answer.body);
    super(
      `${address} answered ${call} with ${answer.status}${said ? `: ${said}` : ', which is not Greenroom; another program may listen there'}.`,
      options,
    );
    this.status = answer.status;
  }
}

export function describeAddress(address: Address): string {
  return 'socket' in address ? address.socket : `127.0.0.1:${address.port}`;
}

export function isUnreachable(error: unknown): error is GreenroomUnreachable {
  return error instanceof GreenroomUnreachable;
}

/** One exchange, read to its end. No time limit: the caller's `signal` is the only one. Throws `GreenroomUnreachable`. */
export async function request(address: Address, call: Call): Promise<Answer> {
  const response = await open(address, call);
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch (cause) {
    throw connectionError(address, cause);
  }
  return { call: `${call.method} ${call.path}`, status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') };
}

/** Sends the request and answers when the head of the response is there; its body is still to be read. */
export function open(address: Address, call: Call): Promise<IncomingMessage> {
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = http.request(
    {
      ...('socket' in address ? { socketPath: address.socket } : { host: '127.0.0.1', port: address.port }),
      method: call.method,
      path: call.path,
      headers: {
        host: 'localhost',
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        ...call.headers,
      },
      // A connection of its own: a kept one could be closed by a restart just as it is used again.
      agent: false,
      ...(call.signal ? { signal: call.signal } : {}),
    },
    resolve,
  );
  outgoing.on('error', (cause) => reject(connectionError(address, cause)));
  outgoing.end(body);
  return promise;
}

/** Errors of the connection become `GreenroomUnreachable`; an abort, and anything that is not the system's, stays what it is. */
export function connectionError(address: Address, cause: unknown): unknown {
  if (!(cause instanceof Error) || cause.name === 'AbortError') return cause;
  const { code } = cause as NodeJS.ErrnoException;
  return code === undefined ? cause : new GreenroomUnreachable(describeAddress(address), code, { cause });
}

function sentence(address: string, reason: string): string {
  if (reason === 'ENOENT') return `No orchestrator is running here: the socket ${address} does not exist. "greenroom start" starts one.`;
  if (reason === 'ECONNREFUSED') return `No orchestrator is running here: nothing listens at ${address}. "greenroom start" starts one.`;
  if (reason === 'EACCES' || reason === 'EPERM') {
    return `You may not connect to ${address}: run this as the user that started the orchestrator.`;
  }
  if (reason === 'ECONNRESET' || reason === 'EPIPE' || reason === 'ECONNABORTED') {
    return `The orchestrator at ${address} went away before it answered. "greenroom log" shows what became of the request once it is back.`;
  }
  return `The orchestrator at ${address} cannot be reached (${reason}).`;
}

function errorText(body: string): string {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && 'error' in value && typeof value.error === 'string') return value.error;
    return '';
  } catch {
    return '';
  }
}
