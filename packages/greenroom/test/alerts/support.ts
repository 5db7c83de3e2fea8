import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createAlerts, type RunningAlerts } from '../../src/orchestrator/adapters/alerts/alerts.ts';
import { createClock } from '../../src/orchestrator/adapters/clock.ts';
import { createSecrets } from '../../src/orchestrator/adapters/secrets.ts';
import type { Alert } from '../../src/orchestrator/core/alert.ts';
import type { Contract } from '../../src/orchestrator/core/contract.ts';
import { parseContract } from '../../src/orchestrator/core/contract-parse.ts';

export const LEAST = { start_command: 'node server.js', port: 3000, health_endpoint: '/healthz' };

export function contractOf(fields: object): Contract {
  const parsed = parseContract({ ...LEAST, ...fields });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.contract;
}

export function alert(changes: Partial<Alert> = {}): Alert {
  return { key: 'disk', kind: 'disk_pressure', severity: 'warning', title: 'The disk is nearly full', detail: '91 % used', ...changes };
}

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
  at: number;
}

/** How a request is answered; `hang` never, `cut` closes the connection. */
export type Reply = number | { status: number; headers?: Record<string, string>; body?: string } | 'hang' | 'cut';

export interface Receiver {
  url: string;
  port: number;
  received: Received[];
  /** Waits for that many requests in all. */
  until(count: number): Promise<Received[]>;
  close(): Promise<void>;
}

/** A real HTTP server that takes alerts. `reply` decides by the number of requests so far, beginning with 1. */
export async function receiver(t: TestContext, reply: (count: number) => Reply = () => 200, port = 0): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    received.push({ path: request.url ?? '', headers: request.headers, body, at: Date.now() });
    const given = reply(received.length);
    if (given === 'hang') return;
    if (given === 'cut') return void request.socket.destroy();
    const { status, headers = {}, body: answer = '' } = typeof given === 'number' ? { status: given } : given;
    response.writeHead(status, headers).end(answer);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  t.after(close);
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    received,
    close,
    until: async (count) => {
      await until(
        () => received.length >= count,
        () => `${received.length} of ${count} requests came`,
      );
      return received;
    },
  };
}

export async function until(holds: () => boolean | Promise<boolean>, problem: () => string = () => 'it did not happen'): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(problem());
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A folder that is removed at the end of the test, once `before` is through: nothing may write to it any more. */
export async function temporary(t: TestContext, before: () => Promise<void>): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'alerts-')));
  t.after(async () => {
    await before();
    await rm(folder, { recursive: true, force: true });
  });
  return folder;
}

export interface Rig {
  alerts: RunningAlerts;
  folder: string;
  log: string[];
  /** Ends this run and begins another one on the same folder. */
  restart(changes?: Partial<RigOptions>): Promise<RunningAlerts>;
}

export interface RigOptions {
  contract: object;
  env?: Record<string, string>;
  timing?: NonNullable<Parameters<typeof createAlerts>[0]['timing']>;
}

/** Short times, so that tests of back-off do not take its real time. */
export const FAST = { firstRetryMs: 20, longestRetryMs: 80, seldomRetryMs: 60, refillMs: 1, requestTimeoutMs: 2_000 };

export async function rig(t: TestContext, options: RigOptions): Promise<Rig> {
  let running: RunningAlerts | undefined;
  const folder = await temporary(t, async () => running?.close());
  const log: string[] = [];
  const start = async ({ contract, env = {}, timing = {} }: RigOptions): Promise<RunningAlerts> => {
    running = await createAlerts({
      app: 'shop',
      host: 'web1',
      contract: contractOf(contract),
      secrets: createSecrets({ layout: { secrets: join(folder, 'secrets.env') }, contract: contractOf(contract), env }),
      clock: createClock(),
      folder: join(folder, 'alerts'),
      log: (message) => log.push(message),
      timing: { ...FAST, ...timing },
    });
    return running;
  };
  const made: Rig = {
    alerts: await start(options),
    folder,
    log,
    async restart(changes = {}) {
      await made.alerts.close();
      made.alerts = await start({ ...options, ...changes });
      return made.alerts;
    },
  };
  return made;
}
