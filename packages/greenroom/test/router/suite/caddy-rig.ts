import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createCaddyRouter } from '../../../src/orchestrator/adapters/router/caddy/router.ts';
import { layoutOf, socketsOf } from '../../../src/orchestrator/layout.ts';
import type { Router } from '../../../src/orchestrator/ports.ts';
import { freePort, until } from '../../proxy/rig.ts';
import { startInstance } from './instance.ts';
import { type RouterRig, servedOf } from './rig.ts';

export interface CaddyRig extends RouterRig {
  /** Address of its admin interface. */
  admin: string;
  /** A call of the admin interface. */
  call(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }>;
  /** Plain HTTP, HTTPS, and the port of the operator's own server. */
  ports: { http: number; https: number; own: number };
  start(): Promise<void>;
  /** Kills it, and leaves it dead. */
  end(): Promise<void>;
  /** What Caddy said. */
  log(): Promise<string>;
}

export interface CaddyOptions {
  upstream: 'socket' | 'port';
  /** Changes the operator's configuration before Caddy starts with it. */
  configure?(config: OperatorConfig, ports: CaddyRig['ports']): void;
}

export interface OperatorConfig {
  admin: object;
  apps: { http: { http_port: number; https_port: number; servers: Record<string, object> }; [app: string]: object };
}

/** A Caddy of the test's own, with an operator's configuration that has a site in it. It forgets what it was told when it ends, as Debian's does. */
export async function startCaddyRig(t: TestContext, { upstream, configure }: CaddyOptions): Promise<CaddyRig> {
  const folder = await mkdtemp(join(tmpdir(), 'gr-caddy-'));
  const ports = { http: await freePort(), https: await freePort(), own: await freePort() };
  const socket = join(folder, 'admin.sock');
  const lines: string[] = [];
  const routers: Router[] = [];
  const config = operatorConfig(socket, ports);
  configure?.(config, ports);
  await writeFile(join(folder, 'caddy.json'), JSON.stringify(config));
  let child: ChildProcess | undefined;

  const call: CaddyRig['call'] = (method, path, body) => callAdmin(socket, method, path, body);
  async function start(): Promise<void> {
    const log = openSync(join(folder, 'caddy.log'), 'a');
    child = spawn('caddy', ['run', '--config', join(folder, 'caddy.json')], {
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'], HOME: folder, XDG_DATA_HOME: join(folder, 'data'), XDG_CONFIG_HOME: join(folder, 'config') },
    });
    closeSync(log);
    await until(() => answers(call));
  }
  async function kill(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
  t.after(async () => {
    for (const router of routers) router.close();
    await kill();
    await rm(folder, { recursive: true, force: true });
  });
  await start();

  const layout = (app: string) => layoutOf(join(folder, app));
  return {
    folder,
    lines,
    ports,
    routePort: ports.http,
    admin: `unix/${socket}`,
    call,
    start,
    end: kill,
    log: () => readFile(join(folder, 'caddy.log'), 'utf8'),
    router(setting) {
      const router = createCaddyRouter({
        ...servedOf(setting),
        layout: layout(setting.app),
        admin: `unix/${socket}`,
        upstream,
        log: (line) => void lines.push(line),
      });
      routers.push(router);
      return router;
    },
    async instance({ app, internalPort }, name) {
      await mkdir(layout(app).run, { recursive: true });
      const sockets = upstream === 'socket' ? { sockets: socketsOf(layout(app), name) } : {};
      return await startInstance(t, { instance: name, internal: Boolean(internalPort), ...sockets });
    },
    async kill() {
      await kill();
      await start();
    },
    // What `caddy reload` does.
    lose: async () => void (await call('POST', '/load', config)),
    async operators() {
      const now = JSON.parse((await call('GET', '/config/')).text) as {
        apps: { http: { servers: Record<string, { routes: { '@id'?: string }[] }> } };
      };
      const { servers } = now.apps.http;
      for (const [name, server] of Object.entries(servers)) {
        if (name.startsWith('greenroom-')) delete servers[name];
        else server.routes = server.routes.filter((route) => !route['@id']?.startsWith('greenroom-'));
      }
      return now;
    },
  };
}

function operatorConfig(socket: string, ports: CaddyRig['ports']): OperatorConfig {
  const site = {
    match: [{ host: ['own.example.com'] }],
    handle: [{ handler: 'static_response', body: "the operator's", headers: { 'X-Own': ['1'] } }],
  };
  return {
    admin: { listen: `unix/${socket}`, config: { persist: false } },
    apps: {
      http: {
        http_port: ports.http,
        https_port: ports.https,
        servers: { own: { listen: [`127.0.0.1:${ports.own}`], routes: [site], automatic_https: { disable: true } } },
      },
    },
  };
}

async function answers(call: CaddyRig['call']): Promise<boolean> {
  return await call('GET', '/config/').then(
    ({ status }) => status === 200,
    () => false,
  );
}

function callAdmin(socketPath: string, method: string, path: string, body: unknown): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
    const headers = { Host: '', ...(text ? { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) } : {}) };
    const asked = http.request({ socketPath, method, path, headers, setHost: false, agent: false }, (answer) => {
      let received = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        received += chunk;
      });
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: received }));
    });
    asked.on('error', reject);
    asked.end(text);
  });
}
