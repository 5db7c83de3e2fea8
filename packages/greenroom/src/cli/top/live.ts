import type { Fleet } from '../../dashboard/fleet.ts';
import type { Cli } from '../context.ts';
import type { Machine } from './rows.ts';
import { screenLines } from './screen.ts';

/** The other screen, without a cursor; and back, so that nothing of this stays in the terminal. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
const REDRAW_MS = 1_000;
/** A deploy's steps come in bursts. */
const GATHER_MS = 50;
const DEFAULT_SIZE = { columns: 80, rows: 24 };

/** Draws the machine in place until `q`, Ctrl-C or a signal. */
export async function showLive(cli: Cli, fleet: Fleet, machine: () => Machine): Promise<void> {
  const { stdout } = cli;
  const { stdin } = process;
  const ended = Promise.withResolvers<void>();
  let chosen = machine().apps[0]?.name ?? '';
  let pending: NodeJS.Timeout | undefined;

  function draw(): void {
    clearTimeout(pending);
    pending = undefined;
    const now = machine();
    if (!now.apps.some((app) => app.name === chosen)) chosen = now.apps[0]?.name ?? '';
    const size = { columns: stdout.columns || DEFAULT_SIZE.columns, rows: stdout.rows || DEFAULT_SIZE.rows };
    const lines = screenLines(now, chosen, size, cli.paint, Date.now());
    // Each line is cleared behind its end instead of the screen before: nothing flickers.
    stdout.write(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE}`).join('\r\n')}${CLEAR_BELOW}`);
  }

  function move(by: number): void {
    const { apps } = machine();
    const index = apps.findIndex((app) => app.name === chosen);
    chosen = apps[Math.max(0, Math.min(apps.length - 1, index + by))]?.name ?? chosen;
    draw();
  }

  function key(text: string): void {
    if (text === 'q' || text === '\u0003' || text === '\u0004') ended.resolve();
    else if (text === '\u001b[A' || text === '\u001bOA' || text === 'k') move(-1);
    else if (text === '\u001b[B' || text === '\u001bOB' || text === 'j') move(1);
  }

  const stop = (): void => ended.resolve();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop);
  stdout.on('resize', draw);
  const ticking = setInterval(draw, REDRAW_MS);
  if (stdin.isTTY) stdin.setRawMode(true);
  stdin.setEncoding('utf8').on('data', key).on('end', stop).resume();
  stdout.write(ENTER);
  try {
    draw();
    void redrawOnChange();
    await ended.promise;
  } finally {
    clearInterval(ticking);
    clearTimeout(pending);
    stdout.off('resize', draw);
    stdin.off('data', key).pause();
    if (stdin.isTTY) stdin.setRawMode(false);
    stdout.write(LEAVE);
  }

  async function redrawOnChange(): Promise<void> {
    for (;;) {
      const version = fleet.changes.version();
      await fleet.changes.after(version, REDRAW_MS);
      if (fleet.changes.closed()) return;
      if (fleet.changes.version() !== version) pending ??= setTimeout(draw, GATHER_MS);
    }
  }
}
