import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';

/** Nobody answers on the control socket, or the connection broke before the answer was whole. */
export class ProxyUnreachable extends Error {
  override name = 'ProxyUnreachable';
}

/** Path of the control socket in the proxy's folder. */
export function controlSocket(proxyDir: string): string {
  return join(proxyDir, 'proxy.sock');
}

/** One call of the control interface, on a connection of its own. Rejects with `ProxyUnreachable`, also when the signal aborts it. */
export function callProxy(
  proxyDir: string,
  method: string,
  path: string,
  json?: unknown,
  signal?: AbortSignal,
): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const unreachable = (error: Error): void =>
      reject(new ProxyUnreachable(`the proxy cannot be reached: ${error.message}`, { cause: error }));
    const text = json === undefined ? '' : JSON.stringify(json);
    const call = request(
      {
        socketPath: controlSocket(proxyDir),
        method,
        path,
        agent: false,
        headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) },
        ...(signal ? { signal } : {}),
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', unreachable);
        answer.on('end', () => {
          const body = Buffer.concat(chunks).toString('utf8');
          resolve({ status: answer.statusCode ?? 500, body: parse(body) });
        });
      },
    );
    call.on('error', unreachable);
    call.end(text);
  });
}

/**
 * Holds a connection to the proxy open and calls back, once, when it breaks: the kernel closes it in the moment the proxy dies. Rejects when
 * there is no proxy. Answers a function that ends the watch without a call.
 */
export function watchProxy(proxyDir: string, onGone: () => void): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const socket = connect(controlSocket(proxyDir));
    let watching = true;
    socket.on('error', reject);
    socket.once('connect', () => {
      socket.resume();
      socket.once('close', () => {
        if (watching) onGone();
      });
      resolve(() => {
        watching = false;
        socket.destroy();
      });
    });
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { code: 'internal_error', error: `the proxy answered ${JSON.stringify(text.slice(0, 200))}` };
  }
}
