import { statusLines } from '../status-lines.ts';
import { cut, type Paint, plain } from '../terminal.ts';
import { appRows, headline, type Machine } from './rows.ts';

export interface Size {
  columns: number;
  rows: number;
}

const KEYS = 'arrows choose, q quits';

/** One screenful: the machine, its apps, and what there is to say of the chosen one. Never more lines than fit. `now` in milliseconds since the epoch. */
export function screenLines(machine: Machine, chosen: string, { columns, rows }: Size, paint: Paint, now: number): string[] {
  const top = [paint('bold', headline(machine, columns)), ''];
  const bottom = ['', paint('dim', cut(KEYS, columns))];
  const [head = '', ...apps] = appRows(machine, chosen, paint, columns);
  const room = rows - top.length - bottom.length - 1;
  // The chosen one is in sight, and what there is to say of it has a third of the screen where there are many.
  const seen = Math.max(1, Math.min(apps.length, Math.max(room - 10, Math.ceil((room * 2) / 3))));
  const index = Math.max(
    0,
    machine.apps.findIndex((app) => app.name === chosen),
  );
  const first = Math.max(0, Math.min(index - seen + 1, apps.length - seen));
  const details = detailLines(machine, chosen, columns, now).slice(0, Math.max(0, room - seen - 1));
  const list =
    apps.length === 0
      ? ['No app is registered on this machine: run "greenroom init" in the folder of one.']
      : apps.slice(first, first + seen);
  return [...top, head, ...list, ...(details.length > 0 ? ['', ...details] : []), ...bottom].slice(0, rows);
}

/** Without colours: they would have to be cut with the lines. */
function detailLines({ apps }: Machine, chosen: string, columns: number, now: number): string[] {
  const app = apps.find((it) => it.name === chosen);
  if (!app) return [];
  const problem = app.reach === 'away' && app.problem ? [plain(app.problem)] : [];
  const known = app.status ? statusLines(app.status, (_format, text) => text, now) : [`${app.name}: nothing is known of it yet`];
  return [...problem, ...known].map((line) => cut(line, columns));
}
