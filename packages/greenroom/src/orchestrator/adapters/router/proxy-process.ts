import { spawn } from 'node:child_process';
import { mkdir, open, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Lock, takeLock } from '../lock.ts';
import { watchProxy } from './proxy-client.ts';

const POLL_INTERVAL_MS = 10;
/** While somebody else starts one: fifty that look every few milliseconds would take the processor that it needs. */
const WAITING_POLL_INTERVAL_MS = 50;
/** One who starts it may hang: after this long the others start one as well, and the proxy's own lock decides. */
export const PATIENCE_MS = 1_500;
/** Between tries to start a proxy while another one holds the lock but does not answer (it is starting, or ending). */
const RESPAWN_INTERVAL_MS = 150;
const LOG_TAIL_CHARACTERS = 600;
/** Nearly all that a request makes is garbage when it is over: more room for it only takes memory (93 against 130 MB at 512 connections). */
export const PROXY_NODE_OPTIONS = ['--max-semi-space-size=8'];
/** Names the service that runs the proxy, where one does: then no other proxy is started beside it, and it is waited for. */
export const PROXY_SERVICE_VARIABLE = 'GREENROOM_PROXY_SERVICE';
/** All that a proxy needs of its starter's environment. Secrets of an orchestrator must not live on in a process that others share. */
const ENVIRONMENT = ['PATH', 'HOME', 'LANG', 'TZ'];

/**
 * Makes sure that a proxy answers in the folder: connects, or starts one in a session of its own, which outlives its starter. Several may do
 * so at the same time, as all orchestrators of a machine do when the proxy was killed: one starts it, the others wait for it. Throws a
 * sentence when none answers by the deadline (milliseconds since the epoch). After an abort it starts none any more, and returns.
 */
export async function startProxy(proxyDir: string, deadline: number, signal?: AbortSignal): Promise<void> {
  await mkdir(proxyDir, { recursive: true, mode: 0o700 });
  const logFile = join(proxyDir, 'proxy.log');
  const impatientAt = Date.now() + PATIENCE_MS;
  let child: Awaited<ReturnType<typeof spawnProxy>> | null = null;
  let turn: Lock | null = null;
  let nextSpawn = 0;
  const service = process.env[PROXY_SERVICE_VARIABLE];
  try {
    while (!(await proxyAnswers(proxyDir)) && !signal?.aborted) {
      if (child?.failed()) throw new Error(`the proxy cannot be started: ${(await tail(logFile)) || 'it said nothing'}`);
      if (Date.now() > deadline)
        throw new Error(`the proxy in ${proxyDir} does not answer; see ${service ? `its service, ${service}` : logFile}`);
      if (!service && !turn) {
        turn = takeLock(join(proxyDir, 'start.lock'));
        // Whoever had it may have given it back because a proxy answers.
        if (turn) continue;
      }
      const mine = !service && (turn !== null || Date.now() > impatientAt);
      if (mine && Date.now() >= nextSpawn && (!child || child.ended())) {
        child = await spawnProxy(proxyDir, logFile, signal);
        nextSpawn = Date.now() + RESPAWN_INTERVAL_MS;
      }
      await sleep(mine ? POLL_INTERVAL_MS : WAITING_POLL_INTERVAL_MS);
    }
  } finally {
    turn?.release();
  }
}

async function spawnProxy(
  proxyDir: string,
  logFile: string,
  signal?: AbortSignal,
): Promise<{ ended: () => boolean; failed: () => boolean } | null> {
  const log = await open(logFile, 'a', 0o600);
  const [program = process.execPath, ...args] = proxyCommand(proxyDir);
  try {
    if (signal?.aborted) return null;
    const child = spawn(program, args, {
      cwd: proxyDir,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: {
        ...Object.fromEntries(ENVIRONMENT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
        ...proxyEnvironment(proxyDir),
      },
    });
    let ended = false;
    let failed = false;
    child.once('error', () => {
      ended = true;
      failed = true;
    });
    child.once('exit', (code) => {
      ended = true;
      // Exit 0 means that another proxy has the lock.
      failed = code !== 0;
    });
    child.unref();
    return { ended: () => ended, failed: () => failed };
  } finally {
    await log.close();
  }
}

/** The program with its arguments that is the proxy of the folder. */
export function proxyCommand(proxyDir: string): string[] {
  return [process.execPath, ...PROXY_NODE_OPTIONS, proxyMain(), '--dir', proxyDir];
}

/** The cache halves the time until a killed proxy answers again, and saves the memory of the type stripper (93 against 57 MB, measured). */
export function proxyEnvironment(proxyDir: string): { NODE_COMPILE_CACHE: string } {
  return { NODE_COMPILE_CACHE: join(proxyDir, 'compile-cache') };
}

/** The proxy's entry, `.ts` in the repository and `.js` when packed. */
export function proxyMain(): string {
  return join(import.meta.dirname, '..', '..', '..', 'proxy', `main${extname(import.meta.filename)}`);
}

/** Whether somebody serves the control socket. */
export async function proxyAnswers(proxyDir: string): Promise<boolean> {
  const stop = await watchProxy(proxyDir, () => undefined).catch(() => null);
  stop?.();
  return stop !== null;
}

async function tail(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.slice(-LOG_TAIL_CHARACTERS).trim();
}
