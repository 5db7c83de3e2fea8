import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface GitServer {
  url: (name: string) => string;
  /** Path and Authorization header of each request. */
  requests: { path: string; authorization: string }[];
  /** How to treat the next requests. */
  mode: 'serve' | 'hang' | 'forbid' | 'redirect';
  redirectTo: string;
}

/** A real git server: `git http-backend` below node:http, with basic authentication of one user. */
export async function serveGit(t: TestContext, root: string, login: { username: string; password: string }): Promise<GitServer> {
  const wanted = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`;
  const state: GitServer = { url: () => '', requests: [], mode: 'serve', redirectTo: '' };
  const server = createServer((request, response) => {
    const authorization = request.headers.authorization ?? '';
    state.requests.push({ path: request.url ?? '', authorization });
    if (state.mode === 'hang') return;
    if (state.mode === 'redirect') {
      response.writeHead(302, { Location: `${state.redirectTo}${request.url}` }).end();
      return;
    }
    if (state.mode === 'forbid' || (authorization !== '' && authorization !== wanted)) {
      response.writeHead(403).end();
      return;
    }
    if (authorization === '') {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' }).end();
      return;
    }
    runBackend(root, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  state.url = (name) => `http://127.0.0.1:${port}/${name}`;
  return state;
}

function runBackend(root: string, request: IncomingMessage, response: ServerResponse): void {
  const [path = '', query = ''] = (request.url ?? '').split('?');
  const child = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      PATH: process.env['PATH'],
      HOME: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REMOTE_USER: 'tester',
      PATH_INFO: decodeURIComponent(path),
      QUERY_STRING: query,
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      ...(request.headers['content-encoding'] === undefined ? {} : { HTTP_CONTENT_ENCODING: request.headers['content-encoding'] }),
      ...(request.headers['content-length'] === undefined ? {} : { CONTENT_LENGTH: request.headers['content-length'] }),
    },
  });
  request.pipe(child.stdin);
  child.stdin.on('error', () => child.stdin.destroy());
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.on('close', () => {
    const output = Buffer.concat(chunks);
    const end = output.indexOf('\r\n\r\n');
    const head = output.subarray(0, end).toString('latin1').split('\r\n');
    let status = 200;
    for (const line of head) {
      const colon = line.indexOf(':');
      const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()];
      if (name === 'Status') status = Number.parseInt(value, 10);
      else if (name !== '') response.setHeader(name, value);
    }
    response.writeHead(status).end(output.subarray(end + 4));
  });
}
