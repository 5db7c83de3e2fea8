import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { detectApp, initialContract } from '../../src/init/index.ts';
import { appFolder } from './folders.ts';

const DEADLINE_MS = 20_000;

const node = `const { createServer } = require('node:http');
createServer((request, response) => response.end(request.url === '/healthz' ? 'fine' : 'page')).listen(process.env.PORT);
`;
const python = `import os
from wsgiref.simple_server import make_server

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"fine" if environ["PATH_INFO"] == "/health" else b"page"]

make_server("127.0.0.1", int(os.environ["PORT"]), application).serve_forever()
`;

const apps: Record<string, Record<string, string | object>> = {
  'a Node app with a start script behind two others': {
    'package.json': { scripts: { start: 'npm run serve', serve: 'PORT=1 node --watch web.js' } },
    'web.js': node,
  },
  'a Python WSGI app': { 'app.py': python },
  'a Procfile': { Procfile: 'web: exec python3 -m http.server --bind 127.0.0.1 $PORT\n', index: 'fine' },
};

for (const [name, files] of Object.entries(apps)) {
  test(`the proposed contract really starts ${name}`, { timeout: 2 * DEADLINE_MS }, async (context) => {
    const folder = appFolder(context, files);
    const { contract } = initialContract(await detectApp(folder));
    const port = await unusedPort();
    const child = start(context, String(contract['start_command']), folder, port);
    const response = await answer(child, `http://127.0.0.1:${port}${contract['health_endpoint']}`);
    assert.equal(response.status, 200);
  });
}

function start(context: TestContext, command: string, cwd: string, port: number): ChildProcess {
  const env = { PATH: process.env['PATH'], PORT: String(port) };
  const child = spawn('/bin/sh', ['-c', command], { cwd, env, detached: true, stdio: 'ignore' });
  const { pid } = child;
  context.after(async () => {
    if (pid === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    process.kill(-pid, 'SIGKILL');
    await exited;
  });
  return child;
}

async function answer(child: ChildProcess, url: string): Promise<Response> {
  for (const end = Date.now() + DEADLINE_MS; Date.now() < end; await pause(20)) {
    assert.equal(child.exitCode, null, 'the app exited');
    const response = await fetch(url).catch((error: unknown) => {
      if (!(error instanceof TypeError)) throw error; // not listening yet
    });
    if (response !== undefined) return response;
  }
  throw new Error(`${url} did not answer`);
}

async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}
