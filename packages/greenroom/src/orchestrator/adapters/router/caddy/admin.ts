import { stat } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { listenerUser } from '../../../../port-owner.ts';
import type { Json } from './json.ts';

/** A call takes Caddy milliseconds; a change waits for the start of what is new in it. */
const CALL_LIMIT_MS = 5_000;
const SHOWN_CHARACTERS = 300;
/** Always answered, whatever is configured, and small. */
const HOLD_PATH = '/reverse_proxy/upstreams';

/** Nobody answers on the admin address, or the connection broke before the answer was whole. */
export class CaddyUnreachable extends Error {
  override name = 'CaddyUnreachable';
}

/** The whole configuration, with what tells whether it is still the same. */
export interface Snapshot {
  config: Json;
  etag: string;
}

export type Written = { status: 'written' } | { status: 'outdated' } | { status: 'refused'; error: string };

export interface CaddyAdmin {
  read(): Promise<Snapshot>;
  /** Sets what is at the path (an object, or nothing yet), if the configuration is still that of the snapshot. Rejects with `CaddyUnreachable` when what came of it is not known. */
  write(path: readonly string[], value: Json, etag: string): Promise<Written>;
  /** Whether this Caddy knows the subdirective of `reverse_proxy`. Changes nothing. */
  knows(subdirective: string): Promise<boolean>;
  /** Id of the user that Caddy runs as; null when that cannot be seen. */
  user(): Promise<number | null>;
  /** Holds a connection open: Caddy closes it when its configuration changes, by whomever, and after a minute; the kernel does when Caddy ends. */
  hold(): Promise<{ closed: Promise<void>; release(): void }>;
}

/** The admin interface at `unix//run/caddy/admin.sock` or `http://127.0.0.1:2019`. Each call rejects with `CaddyUnreachable` when there is none. */
export function createCaddyAdmin(address: string): CaddyAdmin {
  const where = whereIs(address);

  const unreachable = (cause: Error): CaddyUnreachable =>
    new CaddyUnreachable(`Caddy does not answer at ${address}: ${cause.message || 'no connection'}`, { cause });

  function call(method: string, path: string, body = '', headers: Record<string, string> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => reject(unreachable(error));
      const type = body === '' ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) };
      const asked = request(
        {
          ...where,
          method,
          path,
          agent: false,
          signal: AbortSignal.timeout(CALL_LIMIT_MS),
          headers: { ...where.headers, ...type, ...headers },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('error', failed);
          answer.on('end', () => {
            // A trailer before Caddy 2.7, a header since.
            const etag = answer.trailers['etag'] ?? answer.headers.etag ?? '';
            resolve({ status: answer.statusCode ?? 0, etag, body: Buffer.concat(chunks) });
          });
        },
      );
      asked.on('error', failed);
      asked.end(body);
    });
  }

  return {
    async read() {
      const { status, etag, body } = await call('GET', '/config/');
      if (status !== 200) throw new CaddyUnreachable(`Caddy at ${address} does not show its configuration: ${errorIn(body)}`);
      try {
        return { config: JSON.parse(body.toString('utf8')) as Json, etag };
      } catch (cause) {
        throw new CaddyUnreachable(`What answers at ${address} is not Caddy's admin interface.`, { cause });
      }
    },
    async write(path, value, etag) {
      const url = `/config/${path.map(encodeURIComponent).join('/')}`;
      const { status, body } = await call('POST', url, JSON.stringify(value), { 'If-Match': etag });
      if (status === 412) return { status: 'outdated' };
      return status === 200 ? { status: 'written' } : { status: 'refused', error: errorIn(body) };
    },
    async knows(subdirective) {
      const site = `:1 {\n\treverse_proxy 127.0.0.1:1 {\n\t\t${subdirective}\n\t}\n}\n`;
      return (await call('POST', '/adapt', site, { 'Content-Type': 'text/caddyfile' })).status === 200;
    },
    async user() {
      if (!('socketPath' in where)) return await listenerUser(Number(where.port));
      return await stat(where.socketPath).then(
        ({ uid }) => uid,
        () => null,
      );
    },
    hold() {
      return new Promise((resolve, reject) => {
        const agent = new Agent({ keepAlive: true });
        const held = request({ ...where, path: HOLD_PATH, agent }, (answer) => {
          const closed = new Promise<void>((done) => answer.socket.once('close', () => done()));
          answer.resume();
          answer.once('end', () => {
            clearTimeout(limit);
            resolve({ closed, release: () => agent.destroy() });
          });
        });
        const limit = setTimeout(() => held.destroy(new Error(`no answer within ${CALL_LIMIT_MS} ms`)), CALL_LIMIT_MS);
        held.on('error', (error) => {
          clearTimeout(limit);
          agent.destroy();
          reject(unreachable(error));
        });
        held.end();
      });
    },
  };
}

interface Answer {
  status: number;
  etag: string;
  body: Buffer;
}

function whereIs(
  address: string,
):
  | { socketPath: string; setHost: false; headers: Record<string, string> }
  | { host: string; port: string; headers: Record<string, string> } {
  // Over a socket Caddy takes an empty host only.
  if (address.startsWith('unix/')) return { socketPath: address.slice('unix/'.length), setHost: false, headers: { Host: '' } };
  const { hostname, port } = new URL(address);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port || '80', headers: {} };
}

function errorIn(body: Buffer): string {
  const text = body.toString('utf8').trim();
  const [, quoted] = /^\{"error":("(?:[^"\\]|\\.)*")\}$/.exec(text) ?? [];
  return quoted === undefined ? text.slice(0, SHOWN_CHARACTERS) : String(JSON.parse(quoted));
}
