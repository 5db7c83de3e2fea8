import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeDurably } from '../../orchestrator/adapters/durable.ts';
import { takeLock } from '../../orchestrator/adapters/lock.ts';
import type { Layout } from '../../orchestrator/layout.ts';
import { isAlive, ownIdentity, type ProcessIdentity } from '../../proc.ts';
import { CliError, EXIT } from '../context.ts';

const LOOK_INTERVAL_MS = 25;

export interface Held {
  /** The socket that browsers reach through the proxy; absent for a service of the app's mount alone. */
  socket?: string;
  /** The socket of the app's mount; absent while a service that the app started serves it. */
  appSocket?: string;
  /** Lets go of both, for the next service. The kernel does so too when this process dies. */
  release(): Promise<void>;
}

/** Takes the sockets for this process alone. Throws `CliError` when another service has what was asked for. */
export async function holdSockets(layout: Layout, mounted: boolean): Promise<Held> {
  await mkdir(layout.run, { recursive: true });
  const file = chatFile(layout);
  const forProxy = mounted ? null : takeLock(join(layout.run, 'chat.lock'));
  if (!mounted && !forProxy) throw runsAlready(`A chat service runs for ${layout.data} already. Stop that one first.`);
  const forApp = takeLock(join(layout.run, 'chat-app.lock'));
  if (mounted && !forApp) throw runsAlready(`A chat service serves the app's mount already${await processOf(file)}.`);
  // For the orchestrator: an app that started it may be stopped, and it stays.
  if (forApp) await writeDurably(file, `${JSON.stringify({ ...ownIdentity(), mounted })}\n`);
  return {
    ...(forProxy ? { socket: layout.chatSocket } : {}),
    ...(forApp ? { appSocket: layout.chatAppSocket } : {}),
    async release() {
      if (forApp) await rm(file, { force: true });
      forApp?.release();
      forProxy?.release();
    },
  };
}

/** Ends the service that an app started for its mount, when one runs: nobody can reach it once the app is gone. One that a person started stays. */
export async function endMounted(layout: Pick<Layout, 'run'>): Promise<void> {
  const { pid, start_ticks, boot_id, mounted } = await readService(chatFile(layout));
  if (!mounted || pid === undefined || start_ticks === undefined || boot_id === undefined) return;
  const service = { pid, start_ticks, boot_id };
  if (!isAlive(service)) return;
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    // Gone just now, or the app ran as another user, who has to end it.
    if (['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return;
    throw error;
  }
  while (isAlive(service)) await sleep(LOOK_INTERVAL_MS);
}

/** `run/chat.json`: the process that serves the app's mount. */
interface ServiceFile extends ProcessIdentity {
  /** The app started it. */
  mounted: boolean;
}

const chatFile = ({ run }: Pick<Layout, 'run'>): string => join(run, 'chat.json');

function runsAlready(message: string): CliError {
  return new CliError(EXIT.failed, 'already_running', message);
}

/** For people: the one that starts just now has not written it yet. */
async function processOf(file: string): Promise<string> {
  const { pid } = await readService(file);
  return pid === undefined ? '' : ` (process ${pid})`;
}

/** Empty when there is none, or nothing to be read from it. */
async function readService(file: string): Promise<Partial<ServiceFile>> {
  try {
    const { pid, ...rest } = JSON.parse(await readFile(file, 'utf8')) as Record<keyof ServiceFile, unknown>;
    if (!Number.isInteger(pid) || !Number.isInteger(rest.start_ticks)) return {};
    return { pid: Number(pid), start_ticks: Number(rest.start_ticks), boot_id: String(rest.boot_id), mounted: rest.mounted === true };
  } catch (error) {
    const absent = ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
    if (error instanceof SyntaxError || absent) return {};
    throw error;
  }
}
