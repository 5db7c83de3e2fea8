import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

/** Where Debian has the programs of its newest PostgreSQL, or where PATH has them; null when there is none. */
export function findPostgres(): string | null {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(debian, version, 'bin')), ...(process.env['PATH'] ?? '').split(':')];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres'))) ?? null;
}

export interface Cluster {
  pool(max?: number): pg.Pool;
  url: string;
  /** Where its Unix socket is. */
  folder: string;
  stop(): Promise<void>;
}

/** A real PostgreSQL of its own, on a Unix socket in a folder of its own. It refuses to run as root, so it runs as `postgres` then. */
export async function startCluster(programs: string): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'pg-'));
  const user = process.getuid?.() === 0 ? idOf('postgres') : null;
  if (user) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const made = spawnSync(join(programs, 'initdb'), ['-D', data, '-U', 'app', '-A', 'trust', '--no-sync', '--no-locale', '-E', 'UTF8'], {
    ...user,
    cwd: folder,
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const settings = { listen_addresses: '', unix_socket_directories: folder, fsync: 'off' };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = spawn(join(programs, 'postgres'), ['-D', data, ...options], { ...user, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  while (!log.includes('ready to accept connections')) {
    const [chunk] = await Promise.race([once(server.stderr, 'data'), once(server, 'exit').then(() => [null])]);
    if (chunk === null) throw new Error(`postgres ended: ${log}`);
    log += chunk;
  }
  const pools: pg.Pool[] = [];
  return {
    folder,
    url: `postgres://app@/postgres?host=${encodeURIComponent(folder)}`,
    pool(max = 4) {
      const pool = new pg.Pool({ host: folder, user: 'app', database: 'postgres', max });
      pools.push(pool);
      return pool;
    },
    async stop() {
      await Promise.all(pools.map((pool) => pool.end()));
      server.stderr.resume();
      const ended = once(server, 'exit');
      // Waits for connections that are still being closed: cut, they would say so in the test's process.
      server.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

function idOf(name: string): { uid: number; gid: number } {
  const [, , uid, gid] =
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((line) => line.startsWith(`${name}:`))
      ?.split(':') ?? [];
  if (uid === undefined) throw new Error(`there is no user ${name}`);
  return { uid: Number(uid), gid: Number(gid) };
}
