import type { DashboardApp, DashboardLoad, ReleaseLoad } from '@greenroom/sdk/dashboard';
import type { AttemptView } from '@greenroom/sdk/wire';
import { shortCommit, table } from '../format.ts';
import { cut, type Paint, plain } from '../terminal.ts';

export interface Machine {
  host: string;
  apps: readonly DashboardApp[];
  loads: readonly DashboardLoad[];
}

const HEAD = ['', 'NAME', 'STATE', 'LIVE', 'NOW', 'REQ/S', 'P99', 'ERR/S', 'MEMORY', 'CPU'];
const FIRST_FIGURE = 5;

/** The machine in a line. */
export function headline({ host, apps }: Machine, columns: number): string {
  const trouble = apps.filter((app) => ['red', 'yellow'].includes(stateOf(app).colour)).length;
  const count = `${apps.length} app${apps.length === 1 ? '' : 's'}`;
  return cut(`${plain(host)}: ${count}${trouble > 0 ? `, ${trouble} to look at` : ''}`, columns);
}

/** A head, then a line for each app, the chosen one marked. Cut to the width; states are words, so that nothing depends on colour. */
export function appRows({ apps, loads }: Machine, chosen: string, paint: Paint, columns: number): string[] {
  const cells = apps.map((app) =>
    rowOf(
      app,
      loads.find((load) => load.app === app.name),
      app.name === chosen,
    ),
  );
  const [head = '', ...rows] = table(alignFigures([HEAD, ...cells])).map((line) => cut(line, columns));
  return [paint('dim', head), ...rows.map((row, index) => painted(row, apps[index], paint))];
}

/** What `--json` prints of an app. */
export function appJson(app: DashboardApp, loads: readonly DashboardLoad[]): object {
  const { name, reach, ended, problem, status } = app;
  const {
    live_commit = '',
    live_slot = '',
    previous_commit = '',
    healthy = false,
    attempt = null,
    freeze = null,
    drift = [],
  } = status ?? {};
  const load = loads.find((it) => it.app === name) ?? null;
  return {
    name,
    state: stateOf(app).word,
    reach,
    ended,
    problem,
    live_commit,
    live_slot,
    previous_commit,
    healthy,
    attempt,
    freeze,
    drift,
    load,
  };
}

export function stateOf({ reach, ended, status }: DashboardApp): { word: string; colour: 'green' | 'yellow' | 'red' | 'dim' } {
  if (reach === 'asking') return { word: 'looking', colour: 'dim' };
  if (reach === 'away' && ended === 'crashed') return { word: 'crashed', colour: 'red' };
  if (reach === 'away')
    return ended === ''
      ? { word: 'silent', colour: 'red' }
      : { word: ended.replace('_', ' '), colour: ended === 'detached' ? 'yellow' : 'dim' };
  if (!status?.live_commit) return { word: 'idle', colour: 'dim' };
  if (!status.healthy) return { word: 'unhealthy', colour: 'red' };
  return status.freeze ? { word: 'frozen', colour: 'yellow' } : { word: 'live', colour: 'green' };
}

function rowOf(app: DashboardApp, load: DashboardLoad | undefined, chosen: boolean): string[] {
  const { status } = app;
  const live = load?.releases.find((release) => release.role === 'live');
  const release = status?.live_commit ? `${shortCommit(plain(status.live_commit))} ${status.live_slot}` : '-';
  return [chosen ? '>' : '', app.name, stateOf(app).word, release, app.reach === 'up' ? doing(app) : '-', ...figures(live)];
}

function doing({ status }: DashboardApp): string {
  const attempt = status?.attempt;
  if (attempt) return plain(`${attempt.kind} ${shortCommit(attempt.commit) || attempt.branch}: ${stepOf(attempt)}`);
  if (status?.agent.busy) return 'agent at work';
  return status?.queue.length ? `${status.queue.length} in the queue` : '-';
}

function stepOf(attempt: AttemptView): string {
  if (attempt.approval?.state === 'waiting') return 'waits for approval';
  return attempt.steps.find((step) => step.status === 'running')?.step ?? attempt.status;
}

function figures(live: ReleaseLoad | undefined): string[] {
  const { traffic = null, memory_bytes: memory = null, cpu_percent: cpu = null } = live ?? {};
  const counted = traffic
    ? [
        figure(traffic.requests_per_second),
        traffic.requests_per_second > 0 ? milliseconds(traffic.p99_ms) : '-',
        figure(traffic.errors_per_second),
      ]
    : ['-', '-', '-'];
  return [...counted, memory === null ? '-' : `${Math.round(memory / 1e6)} MB`, cpu === null ? '-' : `${figure(cpu)}%`];
}

function figure(value: number): string {
  return value >= 10 || value === 0 ? String(Math.round(value)) : value.toFixed(1);
}

function milliseconds(value: number): string {
  return value >= 10_000 ? `${(value / 1_000).toFixed(1)} s` : `${figure(value)} ms`;
}

/** Figures stand under one another by their last digit. */
function alignFigures(rows: readonly string[][]): string[][] {
  const width = (column: number): number => Math.max(...rows.map((row) => (row[column] ?? '').length));
  const widths = HEAD.map((_, column) => width(column));
  return rows.map((row) => row.map((cell, column) => (column < FIRST_FIGURE ? cell : cell.padStart(widths[column] ?? 0))));
}

function painted(row: string, app: DashboardApp | undefined, paint: Paint): string {
  if (!app) return row;
  const { word, colour } = stateOf(app);
  // After the name, which may read like a state.
  const at = row.indexOf(word, row.indexOf(app.name) + app.name.length);
  return at < 0 ? row : row.slice(0, at) + paint(colour, word) + row.slice(at + word.length);
}
