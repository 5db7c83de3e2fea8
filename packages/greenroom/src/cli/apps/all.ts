import { layoutOf } from '../../orchestrator/layout.ts';
import { listApps, type RegisteredApp } from '../../registry/index.ts';
import { staleness } from '../../registry/observe.ts';
import { runningOrchestrator } from '../../registry/running.ts';
import { type Cli, CliError, EXIT, type Exit } from '../context.ts';
import { duration } from '../format.ts';
import { json, plain, plainLines } from '../terminal.ts';
import { startDetached } from './start-detached.ts';
import { stopApp } from './stop-app.ts';

export interface AllFlags {
  readonly json: boolean;
  readonly detachApp: boolean;
}

/** What became of one app. */
export interface Outcome {
  app: string;
  ok: boolean;
  /** Whether its orchestrator ran before the command. */
  was_running: boolean;
  duration_ms: number;
  /** Empty when nothing went wrong. */
  error: string;
}

/** Starts take the whole of a processor for half a second each; more at once only make each of them late. */
export const STARTS_AT_ONCE = 4;
/** Stops only wait. */
const STOPS_AT_ONCE = 50;

/** Starts every registered app that is not running. Exit code 1 when one could not be. */
export async function startAll(cli: Cli, flags: AllFlags): Promise<Exit> {
  return await withAll(
    cli,
    flags,
    STARTS_AT_ONCE,
    (app) => startOne(cli, flags, app),
    (it) => (it.was_running ? 'runs already' : `ready after ${duration(it.duration_ms)}`),
  );
}

/** Stops every registered app that is running. */
export async function stopAll(cli: Cli, flags: AllFlags): Promise<Exit> {
  const left = flags.detachApp ? '; the app stays up' : '';
  return await withAll(
    cli,
    flags,
    STOPS_AT_ONCE,
    (app) => stopOne(flags, app),
    (it) => (it.was_running ? `stopped after ${duration(it.duration_ms)}${left}` : 'was not running'),
  );
}

/** Refuses flags that speak of one app beside `--all`. */
export function requireAllAlone(flags: Readonly<Record<string, unknown>>, ofOneApp: readonly string[]): void {
  const other = ofOneApp.find((name) => flags[name] !== undefined);
  if (other) throw new CliError(EXIT.usage, 'usage', `--all is for every app, --${other} for one: give one of them.`);
}

async function startOne(cli: Cli, { detachApp }: AllFlags, app: RegisteredApp): Promise<Outcome> {
  const outcome = { app: app.name, ok: true, was_running: false, duration_ms: 0, error: '' };
  const stale = await staleness(app);
  if (stale) return { ...outcome, ok: false, error: `${stale}; when it is no longer wanted: greenroom apps forget ${app.name}` };
  if (await runningOrchestrator(layoutOf(app.data))) return { ...outcome, was_running: true };
  const env = { ...cli.env, GREENROOM_HOME: cli.home };
  const started = await startDetached(app, { env, flags: detachApp ? ['--detach-app'] : [] });
  return started.ok ? { ...outcome, duration_ms: started.duration_ms } : { ...outcome, ok: false, error: started.error };
}

async function stopOne({ detachApp }: AllFlags, app: RegisteredApp): Promise<Outcome> {
  return { app: app.name, ok: true, error: '', ...(await stopApp({ app, layout: layoutOf(app.data) }, detachApp)) };
}

/** One app's failure keeps nothing from the others. A line for each as it is done; one document with `--json`. */
export async function withAll(
  cli: Cli,
  flags: Pick<AllFlags, 'json'>,
  atOnce: number,
  work: (app: RegisteredApp) => Promise<Outcome>,
  says: (outcome: Outcome) => string,
): Promise<Exit> {
  const { apps, broken } = await listApps(cli.home);
  const outcomes: Outcome[] = [];
  const width = Math.max(0, ...apps.map((app) => app.name.length));
  const waiting = [...apps];
  const worker = async (): Promise<void> => {
    for (let app = waiting.shift(); app; app = waiting.shift()) {
      const { name } = app;
      const failed = (error: Error): Outcome => ({ app: name, ok: false, was_running: false, duration_ms: 0, error: error.message });
      const outcome = await work(app).catch(failed);
      outcomes.push(outcome);
      if (!flags.json) tell(cli, outcome, width, says(outcome));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const success = outcomes.every((it) => it.ok) && broken.length === 0;
  outcomes.sort((one, other) => (one.app < other.app ? -1 : 1));
  if (flags.json) cli.say(json({ success, apps: outcomes, broken }, 2));
  else if (apps.length === 0) cli.say('No app is registered on this machine: run "greenroom init" in the folder of one.');
  if (!flags.json) for (const { file, problem } of broken) cli.warn(`${cli.paintError('yellow', '!')} Skipped ${plain(file)}: ${problem}.`);
  return success ? EXIT.ok : EXIT.failed;
}

function tell(cli: Cli, { app, ok, error }: Outcome, width: number, says: string): void {
  if (ok) {
    cli.say(`${cli.paint('green', '✓')} ${app.padEnd(width)}  ${says}`);
    return;
  }
  const [first = '', ...rest] = plainLines(error);
  cli.warn(`${cli.paintError('red', '✗')} ${app.padEnd(width)}  ${first}`);
  for (const line of rest) cli.warn(`  ${' '.repeat(width)}  ${line}`);
}
