import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import http, { type IncomingMessage, type RequestListener, type Server } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ProxyDrainResult, ProxyStatus, ProxyTarget } from '@greenroom/sdk/proxy';
import { freePort } from '../../../../bench/harness/ports.ts';

export const MAIN: string = join(import.meta.dirname, '..', '..', 'src', 'proxy', 'main.ts');

export interface ProxyRig {
  dir: string;
  /** The running proxy process. */
  child: ChildProcess;
  port: number;
  internalPort: number;
  control<T = unknown>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<{ status: number; body: T }>;
  /** Routes the test's app. */
  route(target: ProxyTarget | null): Promise<void>;
  drain(instance: string, timeoutMs: number, streamTimeoutMs?: number, signal?: AbortSignal): Promise<ProxyDrainResult>;
  inFlight(instance: string): Promise<{ requests: number; streams: number }>;
  start(): Promise<void>;
  /** Process ids of its workers. */
  workers(): number[];
}

/** A proxy process with the app `app` registered on fresh ports, and all its workers running; ended with the test. */
export async function startProxyRig(t: TestContext, workers = 1): Promise<ProxyRig> {
  const dir = await mkdtemp(join(tmpdir(), 'greenroom-proxy-'));
  const [port, internalPort] = [await freePort(), await freePort()];
  const rig: ProxyRig = {
    dir,
    child: spawnProxy(dir, workers),
    port,
    internalPort,
    control: (method, path, body, signal) => control(dir, method, path, body, signal),
    async route(target) {
      const { status, body } = await rig.control('PUT', '/apps/app/target', target);
      if (status !== 200) throw new Error(JSON.stringify(body));
    },
    async drain(instance, timeoutMs, streamTimeoutMs = timeoutMs, signal = undefined) {
      const limits = { instance, timeout_ms: timeoutMs, stream_timeout_ms: streamTimeoutMs };
      return (await rig.control<ProxyDrainResult>('POST', '/apps/app/drain', limits, signal)).body;
    },
    async inFlight(instance) {
      const { body } = await rig.control<ProxyStatus>('GET', '/');
      return body.apps[0]?.in_flight.find((each) => each.instance === instance) ?? { requests: 0, streams: 0 };
    },
    async start() {
      rig.child = spawnProxy(dir, workers);
      await until(() => answers(dir));
    },
    workers: () => childrenOf(rig.child),
  };
  t.after(async () => {
    const left = rig.workers();
    // A test that failed may have left one stopped.
    for (const pid of left) process.kill(pid, 'SIGCONT');
    if (rig.child.exitCode === null && rig.child.signalCode === null) {
      rig.child.kill('SIGKILL');
      await once(rig.child, 'exit');
    }
    await until(() => left.every((pid) => !isRunning(pid)));
    await rm(dir, { recursive: true, force: true });
  });
  await until(() => answers(dir));
  const { status, body } = await rig.control('PUT', '/apps/app', { port, internal_port: internalPort });
  if (status !== 200) throw new Error(JSON.stringify(body));
  await until(async () => (await rig.control<ProxyStatus>('GET', '/')).body.workers === workers);
  return rig;
}

export function spawnProxy(dir: string, workers = 1): ChildProcess {
  const child = spawn(process.execPath, [MAIN, '--dir', dir, ...(workers > 1 ? ['--workers', `${workers}`] : [])], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  child.stderr.resume();
  return child;
}

export function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

function childrenOf({ pid, exitCode, signalCode }: ChildProcess): number[] {
  if (exitCode !== null || signalCode !== null) return [];
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** A real app in this process; ended with the test. */
export async function startApp(
  t: TestContext,
  instance: string,
  listener: RequestListener | Server,
): Promise<ProxyTarget & { server: Server }> {
  const server = typeof listener === 'function' ? http.createServer(listener) : listener;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { instance, host: '127.0.0.1', port, server };
}

/** What the proxy needs to know of an app. */
export function targetOf({ instance, host, port }: ProxyTarget): ProxyTarget {
  return { instance, host, port };
}

export { freePort };

export interface Fetched {
  status: number;
  headers: IncomingMessage['headers'];
  raw: string[];
  body: string;
  trailers: Record<string, string | undefined>;
}

/** One request by a client that never retries; rejects when the connection breaks. */
export function fetchOnce(
  port: number,
  path: string,
  options: http.RequestOptions & { body?: string | Buffer; trailers?: Record<string, string> } = {},
): Promise<Fetched> {
  const { body, trailers, ...rest } = options;
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path, agent: false, ...rest }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          raw: response.rawHeaders,
          body: Buffer.concat(chunks).toString(),
          trailers: response.trailers,
        }),
      );
    });
    request.on('error', reject);
    if (trailers) request.addTrailers(trailers);
    request.end(body);
  });
}

/** Writes bytes and answers all that comes back until the other side closes. Rejects when it stays open for `limitMs`. */
export function rawExchange(port: number, bytes: string, limitMs = 5_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    let text = '';
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`still open after ${limitMs} ms, got ${JSON.stringify(text)}`));
    }, limitMs);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
    socket.write(Buffer.from(bytes, 'latin1'));
  });
}

/** Polls until the condition holds. */
export async function until(condition: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`did not happen within ${limitMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function answers(dir: string): Promise<boolean> {
  return control(dir, 'GET', '/').then(
    () => true,
    () => false,
  );
}

export function control<T>(
  dir: string,
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<{ status: number; body: T }> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { socketPath: join(dir, 'proxy.sock'), method, path, agent: false, ...(signal ? { signal } : {}) },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as T }));
      },
    );
    request.on('error', reject);
    request.end(body === undefined ? '' : JSON.stringify(body));
  });
}
