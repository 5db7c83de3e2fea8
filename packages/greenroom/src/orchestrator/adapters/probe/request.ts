import { lstatSync } from 'node:fs';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { Address } from './address.ts';

export const MAX_ANSWER_BYTES = 64 * 1024;

export interface ProbeRequest {
  address: Address;
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
  timeoutMs: number;
  signal?: AbortSignal;
}

/** `refused` is true when nothing listens there. `body` is at most 64 KiB. */
export type ProbeAnswer =
  | { ok: true; status: number; headers: IncomingHttpHeaders; body: string }
  | { ok: false; refused: boolean; error: string };

/**
 * One exchange on a connection of its own (never a kept one: each look tells about the app as it is now), whole within `timeoutMs`.
 * Redirects are answers like others. Never throws.
 */
export function askApp({ address, method, path, headers = {}, body, timeoutMs, signal }: ProbeRequest): Promise<ProbeAnswer> {
  if ('socket' in address && !isSocket(address.socket))
    return Promise.resolve({ ok: false, refused: true, error: 'nothing listens there' });
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout;
    const settle = (answer: ProbeAnswer): void => {
      clearTimeout(timer);
      resolve(answer);
      outgoing.destroy();
    };
    const failed = (error: Error): void => {
      const code = 'code' in error ? String(error.code) : '';
      settle({ ok: false, refused: NOT_LISTENING.includes(code), error: SENTENCES[code] ?? error.message });
    };
    const outgoing = request({
      ...('socket' in address ? { socketPath: address.socket } : address),
      method,
      path,
      headers: { 'user-agent': 'greenroom-probe', ...headers },
      agent: false,
      ...(signal ? { signal } : {}),
    });
    timer = setTimeout(
      () => settle({ ok: false, refused: false, error: `no complete answer within ${Math.round(timeoutMs)} ms` }),
      timeoutMs,
    );
    outgoing.on('error', failed);
    outgoing.on('upgrade', () => settle({ ok: false, refused: false, error: 'answered with an upgrade to another protocol' }));
    outgoing.on('response', (incoming) =>
      readBody(incoming, (text) => settle({ ok: true, status: incoming.statusCode ?? 0, headers: incoming.headers, body: text }), failed),
    );
    outgoing.end(body);
  });
}

/**
 * A link in its place could lead the orchestrator, which may do more than the app, to a socket of somebody else. What may not be looked at, or lies where
 * there is no folder, is none.
 */
function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket();
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return false;
    throw error;
  }
}

/** Codes of a host on which nobody listens on that port, an absent IPv6 included. */
const NOT_LISTENING = ['ECONNREFUSED', 'ENOENT', 'EADDRNOTAVAIL', 'EAFNOSUPPORT', 'ENETUNREACH'];
const SENTENCES: Record<string, string> = {
  ECONNREFUSED: 'connection refused, nothing listens there',
  EACCES: 'connecting is not allowed: the app must let its own group use its socket (mode 0660)',
  ECONNRESET: 'the connection was closed without a complete answer',
};

function readBody(incoming: IncomingMessage, done: (body: string) => void, failed: (error: Error) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const finish = (): void => done(Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES).toString('utf8'));
  incoming.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= MAX_ANSWER_BYTES) finish();
  });
  incoming.on('end', finish);
  incoming.on('error', failed);
}
