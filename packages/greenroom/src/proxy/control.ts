import { renameSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import type { ProxyStats, ProxyStatus, ProxyUpgradeBody, ProxyUpgraded } from '@greenroom/sdk/proxy';
import type { Apps } from './apps.ts';
import { type Parsed, parseAppBody, parseDrainBody, parsePreview, parseTarget, parseUpgrade } from './bodies.ts';
import { http } from './node-http.ts';
import type { Answer } from './refused.ts';

const MAX_BODY_BYTES = 64 * 1024;

export interface Control {
  /** Stops taking calls, at once; resolves when the calls being answered are answered. The socket's file is left to whoever has its name by now. */
  close(): Promise<void>;
}

/** What the proxy says of itself. */
export interface About {
  version: string;
  /** How many processes move requests now. */
  workers: () => number;
  /** Lets a successor take over: of the installation that is named, or of its own. */
  upgrade: (body: ProxyUpgradeBody) => Promise<Answer<ProxyUpgraded>>;
}

/** Serves the control interface (`@greenroom/sdk/proxy`) on a Unix socket that only the proxy's own user can open. */
export function serveControl(socket: string, apps: Apps, about: About): Promise<Control> {
  const active = new Set<ServerResponse>();
  const server = http.createServer(
    // Clients keep an idle connection open to notice the end of the proxy: none is closed for being idle.
    { headersTimeout: 0, requestTimeout: 0, keepAliveTimeout: 0 },
    (request, response) => {
      active.add(response);
      response.once('close', () => active.delete(response));
      void handle(request, response, apps, about);
    },
  );
  const close = async (): Promise<void> => {
    server.close();
    await Promise.all([...active].map((response) => new Promise((done) => response.once('close', done))));
    server.closeAllConnections();
  };
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // The mode must hold from the first moment: a chmod after listen would come too late.
    const previousMask = process.umask(0o177);
    // What it is bound to is removed with it, so that must not be the name by which it is found: a successor may have that already.
    const own = join(dirname(socket), 'next.sock');
    rmSync(own, { force: true });
    server.listen(own, () => {
      server.off('error', reject);
      renameSync(own, socket);
      resolve({ close });
    });
    process.umask(previousMask);
  });
}

async function handle(request: IncomingMessage, response: ServerResponse, apps: Apps, about: About): Promise<void> {
  const answer = await dispatch(request, response, apps, about).catch((error: Error) => {
    process.stderr.write(`bug in the control interface: ${error.stack}\n`);
    return { ok: false, status: 500, code: 'internal_error', error: error.message } as const;
  });
  if (answer.ok) send(response, 200, answer.value);
  else send(response, answer.status, { code: answer.code, error: answer.error });
}

async function dispatch(request: IncomingMessage, response: ServerResponse, apps: Apps, about: About): Promise<Answer<unknown>> {
  const { method } = request;
  const [root, encoded, action, ...rest] = (request.url ?? '').split('/').slice(1);
  if (method === 'GET' && root === '') {
    const { version, workers } = about;
    return { ok: true, value: { pid: process.pid, version, workers: workers(), apps: await apps.status() } satisfies ProxyStatus };
  }
  if (method === 'GET' && root === 'stats' && encoded === undefined) {
    return { ok: true, value: { apps: await apps.stats() } satisfies ProxyStats };
  }
  if (method === 'POST' && root === 'upgrade' && encoded === undefined) {
    const body = await readJson(request);
    return body.ok ? withBody(parseUpgrade(body.value), about.upgrade) : body;
  }
  const name = encoded && decode(encoded);
  if (root !== 'apps' || !name || rest.length > 0) return notFound(request);
  if (method === 'DELETE' && action === undefined) return apps.deregister(name);
  const json = await readJson(request);
  if (!json.ok) return json;
  if (method === 'PUT' && action === undefined) return withBody(parseAppBody(json.value), (body) => apps.register(name, body));
  if (method === 'PUT' && action === 'target') return withBody(parseTarget(json.value), (target) => apps.switchTo(name, target));
  if (method === 'PUT' && action === 'preview') return withBody(parsePreview(json.value), (preview) => apps.preview(name, preview));
  if (method === 'POST' && action === 'drain') {
    const abort = new AbortController();
    response.once('close', () => abort.abort());
    return withBody(parseDrainBody(json.value), (body) => apps.drain(name, body, abort.signal));
  }
  return notFound(request);
}

function withBody<T, R>(parsed: Parsed<T>, run: (body: T) => Promise<Answer<R>>): Promise<Answer<R>> | Answer<R> {
  return parsed.ok ? run(parsed.value) : invalid(parsed.error);
}

async function readJson(request: IncomingMessage): Promise<Answer<unknown>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES)
      return { ok: false, status: 413, code: 'too_large', error: `the body is larger than ${MAX_BODY_BYTES} bytes` };
    chunks.push(chunk);
  }
  try {
    return { ok: true, value: JSON.parse(Buffer.concat(chunks).toString('utf8')) };
  } catch {
    return invalid('the body is not JSON');
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function invalid(error: string): Answer<never> {
  return { ok: false, status: 400, code: 'invalid_request', error };
}

function notFound(request: IncomingMessage): Answer<never> {
  return { ok: false, status: 404, code: 'not_found', error: `there is no ${request.method} ${request.url}` };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}
