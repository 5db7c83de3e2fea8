/** What nginx makes of bytes: as a proxy with an app behind it that says what it got, or that answers with given bytes. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../rig.ts';
import { startAnswersApp } from './answers-app.ts';
import { type Answered, clientFraming, type Framed } from './node-reference.ts';

export interface NginxReference {
  framing(pieces: readonly Buffer[]): Promise<Framed>;
  /** What a client gets when the app answers its request with these bytes and ends. */
  answer(bytes: Buffer, method: string, version: string): Promise<Answered>;
  close(): Promise<void>;
}

/** Of a body, as `framing` reports it. */
export const digest = (body: string): string => createHash('sha1').update(body, 'latin1').digest('base64');

export async function startNginx(): Promise<NginxReference> {
  const directory = await mkdtemp(join(tmpdir(), 'gr-fuzz-'));
  const app = http.createServer({ maxHeaderSize: 64 * 1024 }, (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (chunk: Buffer) => parts.push(chunk));
    request.on('end', () => {
      const seen = [request.method, request.url, digest(Buffer.concat(parts).toString('latin1'))];
      response.writeHead(200, { 'X-Seen': Buffer.from(JSON.stringify(seen)).toString('base64'), 'Content-Length': 0 }).end();
    });
  });
  app.on('clientError', (_, socket) => socket.destroy());
  app.listen(join(directory, 'app'));
  await once(app, 'listening');
  const answers = await startAnswersApp(join(directory, 'answers-app'));
  await writeFile(join(directory, 'nginx.conf'), configuration(directory));
  const child = spawn('nginx', ['-p', directory, '-c', join(directory, 'nginx.conf'), '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said = (said + chunk).slice(-2_000);
  });
  const path = join(directory, 'front');
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`nginx does not run: ${said}`);
    return await connects(path);
  });
  return {
    framing: (pieces) => framing(path, pieces),
    answer: async (bytes, method, version) => {
      const request = `${method} ${answers.lay(bytes)} HTTP/${version}\r\nHost: a\r\nConnection: close\r\n\r\n`;
      const { bytes: answer, reset } = await exchange(join(directory, 'answers'), [Buffer.from(request, 'latin1')]);
      return await clientFraming(answer, method, !reset);
    },
    async close() {
      child.kill('SIGTERM');
      await once(child, 'exit');
      answers.close();
      app.close();
      app.closeAllConnections();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function configuration(directory: string): string {
  return `daemon off; worker_processes 1; pid ${directory}/pid; ${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 1024; }
http { access_log off; error_log stderr crit; client_max_body_size 0; lingering_close off; keepalive_timeout 5; client_header_timeout 5; client_body_timeout 5;
client_body_temp_path ${directory}/b; proxy_temp_path ${directory}/p; fastcgi_temp_path ${directory}/f; uwsgi_temp_path ${directory}/u; scgi_temp_path ${directory}/s;
upstream app { server unix:${directory}/app; keepalive 8; }
proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;
proxy_http_version 1.1; proxy_ignore_client_abort on; proxy_set_header Connection ""; proxy_set_header Host a;
server { listen unix:${directory}/front; location / { proxy_pass http://app; } }
server { listen unix:${directory}/answers; location / { proxy_pass http://unix:${directory}/answers-app; } } }`;
}

function connects(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

async function framing(path: string, pieces: readonly Buffer[]): Promise<Framed> {
  const text = (await exchange(path, pieces)).bytes.toString('latin1');
  const messages = [...text.matchAll(/^X-Seen: (.*)\r$/gm)].map(([, seen = '']) => {
    const [method = '', url = '', body = ''] = JSON.parse(Buffer.from(seen, 'base64').toString()) as string[];
    return { method, url, body };
  });
  return { messages, error: /^HTTP\/1\.1 ([45]\d\d)/m.exec(text)?.[1] ?? '' };
}

/** Sends the pieces and says that no more come; answers with what came back, until the end. */
function exchange(path: string, pieces: readonly Buffer[]): Promise<{ bytes: Buffer; reset: boolean }> {
  return new Promise((resolve) => {
    const socket = net.connect({ path, allowHalfOpen: true });
    const parts: Buffer[] = [];
    let reset = false;
    socket.on('data', (chunk) => parts.push(chunk));
    socket.on('error', () => {
      reset = true;
      socket.destroy();
    });
    socket.on('end', () => socket.end());
    socket.once('close', () => resolve({ bytes: Buffer.concat(parts), reset }));
    for (const piece of pieces) socket.write(piece);
    socket.end();
  });
}
