import type { AppState, AppView } from '../registry/observe.ts';
import { ago, shortCommit, table } from './format.ts';
import { type Paint, plain } from './terminal.ts';

const COLOURS: Record<AppState, 'green' | 'yellow' | 'red' | 'dim'> = {
  live: 'green',
  starting: 'yellow',
  unhealthy: 'red',
  idle: 'dim',
  stopped: 'dim',
  detached: 'yellow',
  crashed: 'red',
  stale: 'red',
};

/** The machine's apps as `greenroom apps` shows them: a head, then a line for each. `now` in milliseconds since the epoch. */
export function appLines(apps: readonly AppView[], paint: Paint, now: number): string[] {
  const [head = '', ...rows] = table([
    ['NAME', 'STATE', 'LIVE', 'ADDRESS', 'SINCE', ''],
    ...apps.map((view) => [
      view.app.name,
      view.state,
      shortCommit(plain(view.live_commit)) || '-',
      view.addresses.map(plain).join(' ') || '-',
      ago(view.since, now) || '-',
      [plain(view.note), accessNote(view)].filter((note) => note !== '').join('; '),
    ]),
  ]);
  // Colours go in last: the widths of the columns are those of what is seen.
  const painted = rows.map((row, index) => {
    const state = apps[index]?.state ?? 'stopped';
    return row.replace(/^(\S+ +)(\S+)/, (_all, name: string) => name + paint(COLOURS[state], state));
  });
  return [paint('dim', head), ...painted];
}

function accessNote({ status }: AppView): string {
  if (status?.api_access === 'off') return 'API on its sockets only';
  return status?.api_access === 'read' ? 'API port for questions only' : '';
}
