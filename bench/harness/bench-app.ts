import { readFileSync } from 'node:fs';
import { commitFiles, initRepo } from './repo.ts';

const APP = new URL('../app/server.cjs', import.meta.url);

/** Makes a repository with the bench app and answers its commits, oldest first. Every other version has no SIGTERM handler. */
export function benchRepo(directory: string, versions: number): string[] {
  initRepo(directory);
  const server = readFileSync(APP, 'utf8');
  return Array.from({ length: versions }, (_, index) => {
    const version = JSON.stringify({ name: `version ${index + 1}`, naive: index % 2 === 1 });
    return commitFiles(
      directory,
      index === 0 ? { 'server.cjs': server, 'version.json': version } : { 'version.json': version },
      `Version ${index + 1}`,
    );
  });
}

/** A contract for it. The reconcile loop is kept out of the way: what a bench deploys is up to the bench. */
export function benchContract(port: number, internalPort: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    start_command: 'node server.cjs',
    port,
    internal_port: internalPort,
    health_endpoint: '/healthz',
    health_test_payload: { method: 'GET', path: '/' },
    watch_ms: 500,
    reconcile_interval_ms: 86_400_000,
    ...more,
  };
}
