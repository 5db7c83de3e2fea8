import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from '../harness/ports.ts';

const POLL_MS = 1;

/** Milliseconds from a bare spawn of the bench app in the folder to the first 200 of its health endpoint: what any deploy has to wait for. */
export async function bareBoot(directory: string): Promise<number> {
  const [port, internalPort] = (await freePorts(2)) as [number, number];
  const env = { ...process.env, PORT: String(port), INTERNAL_PORT: String(internalPort) };
  const began = performance.now();
  const app = spawn('node', ['server.cjs'], { cwd: directory, env, stdio: 'ignore' });
  const exited = once(app, 'exit');
  while (!(await isOk(internalPort))) await delay(POLL_MS);
  const took = performance.now() - began;
  app.kill('SIGKILL');
  await exited;
  return took;
}

function isOk(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ port, host: '127.0.0.1', path: '/healthz', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.once('error', () => resolve(false));
    asked.end();
  });
}
