import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Program, type Run, startProgram } from './program.ts';

interface NginxOptions {
  workers: number;
  cores: readonly number[];
  /** The part inside `http { … }`. */
  http: string;
}

/** The limits are out of the way: no connection is closed because it has carried many requests, nothing is logged, nothing goes to a file. */
export function startNginx(run: Run, { workers, cores, http }: NginxOptions): Program {
  const folder = join(run.root, `nginx-${nextFolder++}`);
  mkdirSync(folder, { recursive: true });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ');
  const configuration = `daemon off; worker_processes ${workers}; worker_rlimit_nofile 16384; pid ${folder}/pid; ${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 8192; }
http { access_log off; error_log stderr crit; client_max_body_size 0; keepalive_requests 1000000000; keepalive_timeout 60; tcp_nodelay on; ${temporary}
${http} }
`;
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, configuration);
  return startProgram(run, ['nginx', '-p', folder, '-c', file, '-e', 'stderr'], { cores });
}

let nextFolder = 0;

/** Serves the files of a folder from memory. */
export const staticSite = (port: number, folder: string): string =>
  `open_file_cache max=100; sendfile on; server { listen 127.0.0.1:${port} backlog=4096; location / { root ${folder}; } }`;

/** Tuned as an operator would who cares for speed: connections to the target are kept, bodies stream in both directions through buffers that hold 64 KB. */
export const reverseProxy = (port: number, targetPort: number, workers: number): string => `
map $http_upgrade $upgrade_or_empty { default upgrade; '' ''; }
upstream target { server 127.0.0.1:${targetPort}; keepalive 512; keepalive_requests 1000000000; }
server { listen 127.0.0.1:${port} backlog=4096${workers > 1 ? ' reuseport' : ''};
location / { proxy_pass http://target; proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $upgrade_or_empty; proxy_buffers 16 16k; proxy_buffer_size 16k; proxy_busy_buffers_size 64k; proxy_max_temp_file_size 0; proxy_request_buffering off; client_body_buffer_size 64k; } }`;
