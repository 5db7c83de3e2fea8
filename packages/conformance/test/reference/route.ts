import { spawn } from 'node:child_process';
import { openSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { until } from '../../src/harness/wait.ts';
import { chosenFault, faulty } from './faults.ts';
import type { Contract } from './main.ts';
import type { Target } from './proxy.ts';

const PROXY = fileURLToPath(new URL('proxy.ts', import.meta.url));
const START_DEADLINE_MS = 10_000;

export interface Route {
  current(): Promise<Target | null>;
  switchTo(target: Target | null): Promise<void>;
  drain(instance: string, timeoutMs: number): Promise<void>;
  /** Ends the proxy and frees the ports. */
  end(): Promise<void>;
}

/** Finds the app's proxy, or starts it; exits when the ports cannot be had. */
export async function openRoute(data: string, contract: Contract): Promise<Route> {
  const socket = `${data}/proxy.sock`;
  const call = (method: string, path: string, body?: unknown): Promise<{ target: Target | null }> => {
    const { promise, resolve, reject } = Promise.withResolvers<{ target: Target | null }>();
    const outgoing = request({ socketPath: socket, method, path }, async (incoming) => {
      const parts: Buffer[] = [];
      for await (const part of incoming) parts.push(part as Buffer);
      resolve(JSON.parse(Buffer.concat(parts).toString()));
    });
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? '' : JSON.stringify(body));
    return promise;
  };
  const runs = await call('GET', '/').then(
    () => true,
    () => false,
  );
  if (!runs) {
    rmSync(socket, { force: true });
    const log = `${data}/proxy.log`;
    const file = openSync(log, 'w');
    const args = [
      PROXY,
      socket,
      String(contract.port),
      String(contract.internal_port ?? 0),
      String(process.pid),
      '--fault',
      chosenFault(process.argv),
    ];
    const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', file, file] });
    let ended = false;
    child.once('exit', () => {
      ended = true;
    });
    const up = (): Promise<boolean> => call('GET', '/').then(() => true);
    await until('the proxy runs', START_DEADLINE_MS, () => ended || up());
    child.unref();
    if (ended && !faulty('ignore-taken-port')) {
      process.stderr.write(`reference orchestrator: cannot take the app's ports: ${readFileSync(log, 'utf8')}`);
      process.exit(1);
    }
  }
  return {
    current: () => call('GET', '/').then(({ target }) => target),
    switchTo: (target) => call('PUT', '/', target).then(() => undefined),
    drain: (instance, timeoutMs) => call('POST', '/drain', { instance, timeout_ms: timeoutMs }).then(() => undefined),
    end: () => call('DELETE', '/').then(() => undefined),
  };
}
