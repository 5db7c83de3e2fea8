import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../../orchestrator/adapters/durable.ts';
import { takeLock } from '../../orchestrator/adapters/lock.ts';
import type { Layout } from '../../orchestrator/layout.ts';
import { readBootId, readStat } from '../../proc.ts';
import { CliError, EXIT } from '../context.ts';

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
  const file = join(layout.run, 'chat.json');
  const forProxy = mounted ? null : takeLock(join(layout.run, 'chat.lock'));
  if (!mounted && !forProxy) throw runsAlready(`A chat service runs for ${layout.data} already. Stop that one first.`);
  const forApp = takeLock(join(layout.run, 'chat-app.lock'));
  if (mounted && !forApp) throw runsAlready(`A chat service serves the app's mount already${await processOf(file)}.`);
  // For the orchestrator: an app that started it may be stopped, and it stays.
  if (forApp) await writeDurably(file, `${JSON.stringify(thisProcess())}\n`);
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

function thisProcess(): { pid: number; start_ticks: number; boot_id: string } {
  return { pid: process.pid, start_ticks: readStat(process.pid)?.startTicks ?? 0, boot_id: readBootId() };
}

function runsAlready(message: string): CliError {
  return new CliError(EXIT.failed, 'already_running', message);
}

/** For people: the one that starts just now has not written it yet. */
async function processOf(file: string): Promise<string> {
  try {
    const { pid } = JSON.parse(await readFile(file, 'utf8')) as { pid?: unknown };
    return typeof pid === 'number' ? ` (process ${pid})` : '';
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
