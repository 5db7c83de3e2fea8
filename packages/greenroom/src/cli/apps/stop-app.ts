import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from '../../proc.ts';
import { runningOrchestrator } from '../../registry/running.ts';
import { endMounted } from '../chat/hold.ts';
import { CliError, EXIT } from '../context.ts';
import type { Target } from '../target.ts';

const LOOK_INTERVAL_MS = 25;

export interface Stopped {
  was_running: boolean;
  duration_ms: number;
}

/** Stops one app's orchestrator, and with it the app unless that is to be left running. `begun` is called when there is something to stop. */
export async function stopApp({ layout }: Target, detachApp: boolean, begun: () => void = () => undefined): Promise<Stopped> {
  const running = await runningOrchestrator(layout);
  const began = performance.now();
  if (running) {
    signal(running.pid, detachApp ? 'SIGUSR2' : 'SIGTERM');
    begun();
    // No time limit: the drain has one of its own, and a person can press Ctrl-C.
    while (isAlive(running)) await sleep(LOOK_INTERVAL_MS);
  }
  if (!detachApp) await endMounted(layout);
  return { was_running: running !== undefined, duration_ms: Math.round(performance.now() - began) };
}

function signal(pid: number, name: 'SIGTERM' | 'SIGUSR2'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return;
    if (code !== 'EPERM') throw error;
    throw new CliError(
      EXIT.failed,
      'not_permitted',
      `You may not stop process ${pid}: run this as the user that started the orchestrator.`,
    );
  }
}
