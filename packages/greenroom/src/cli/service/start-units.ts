import { setTimeout as sleep } from 'node:timers/promises';
import { READY_LIMIT_MS } from '../apps/start-detached.ts';
import { CliError, EXIT } from '../context.ts';
import { plain } from '../terminal.ts';
import type { Systemd } from './systemctl.ts';

const LOOK_INTERVAL_MS = 200;
const LAST_WORDS_LINES = 8;

/**
 * Starts services and waits until each is ready. Throws `CliError` with its last words when one does not start; systemd goes on trying, which
 * is why its own waiting would not end.
 */
export async function startUnits(systemd: Systemd, units: readonly string[]): Promise<void> {
  await systemd.must('start', '--no-block', ...units);
  const deadline = performance.now() + READY_LIMIT_MS;
  for (;;) {
    const states = await Promise.all(units.map((unit) => stateOf(systemd, unit)));
    const failed = states.find(({ sub }) => sub === 'auto-restart' || sub === 'failed');
    if (failed) throw await notStarted(systemd, failed.unit);
    if (states.every(({ active }) => active === 'active')) return;
    const late = states.find(({ active }) => active !== 'active');
    if (late && performance.now() > deadline) {
      const message = `${late.unit} is not ready after ${READY_LIMIT_MS / 1_000} s, and goes on starting. See: greenroom service status`;
      throw new CliError(EXIT.failed, 'start_takes_long', message);
    }
    await sleep(LOOK_INTERVAL_MS);
  }
}

async function stateOf(systemd: Systemd, unit: string): Promise<{ unit: string; active: string; sub: string }> {
  const [active = '', sub = ''] = (await systemd.must('show', '--property=ActiveState,SubState', '--value', unit)).split('\n');
  return { unit, active, sub };
}

async function notStarted(systemd: Systemd, unit: string): Promise<CliError> {
  const { stdout } = await systemd.journalctl('--unit', unit, '--lines', String(LAST_WORDS_LINES), '--output', 'cat');
  const words = stdout.split('\n').filter((line) => line !== '');
  return new CliError(
    EXIT.failed,
    'service_not_started',
    [
      `${unit} does not start, and systemd tries it again and again. It said last:`,
      ...words.map((line) => `  ${plain(line)}`),
      'When that is put right it starts by itself. To end the tries: greenroom service remove',
    ].join('\n'),
  );
}
