/** What nginx makes of bytes: as a proxy with an app behind it that says what it got. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../rig.ts';
import type { Framed } from './node-reference.ts';

export interface NginxReference {
  framing(pieces: readonly Buffer[]): Promise<Framed>;
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
    async close() {
      child.kill('SIGTERM');
      await once(child, 'exit');
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
server { listen unix:${directory}/front; location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host a; proxy_ignore_client_abort on; } } }`;
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

function framing(path: string, pieces: readonly Buffer[]): Promise<Framed> {
  return new Promise((resolve) => {
    const socket = net.connect({ path, allowHalfOpen: true });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.once('close', () => {
      const messages = [...text.matchAll(/^X-Seen: (.*)\r$/gm)].map(([, seen = '']) => {
        const [method = '', url = '', body = ''] = JSON.parse(Buffer.from(seen, 'base64').toString()) as string[];
        return { method, url, body };
      });
      resolve({ messages, error: /^HTTP\/1\.1 ([45]\d\d)/m.exec(text)?.[1] ?? '' });
    });
    for (const piece of pieces) socket.write(piece);
    socket.end();
  });
}
