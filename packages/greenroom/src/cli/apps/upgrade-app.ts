import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@greenroom/sdk/client';
import type { Status } from '@greenroom/sdk/wire';
import { isAlive } from '../../proc.ts';
import { type PidFile, runningOrchestrator } from '../../registry/running.ts';
import { VERSION } from '../../version.ts';
import { CliError, EXIT } from '../context.ts';
import { greenroomCommand } from '../own-command.ts';
import type { Target } from '../target.ts';
import { type RunningCommand, readRunningCommand } from './running-command.ts';
import { type Started, startDetached } from './start-detached.ts';
import { stopApp } from './stop-app.ts';

export interface UpgradeOptions {
  /** End a deploy that is under way instead of waiting for it. */
  now: boolean;
  /** Called with a sentence each time that there is something else to wait for. */
  tell?: (sentence: string) => void;
  /** Program and first words of the new installation; this command's own by default. */
  command?: readonly string[];
  /** How long the new one may take until it is ready. */
  readyLimitMs?: number;
}

export interface Upgraded {
  /** False when there was nothing to upgrade. */
  was_running: boolean;
  /** Version that ran before, and that runs now; empty when unknown. */
  from: string;
  to: string;
  /** How long no orchestrator answered. */
  away_ms: number;
}

const LOOK_INTERVAL_MS = 100;
const STATUS_LIMIT_MS = 5_000;
const READY_LIMIT_MS = 60_000;
/** For one that did not get ready, until it is killed. */
const LEAVE_LIMIT_MS = 5_000;

/**
 * Puts this installation's orchestrator in the place of the one that runs. The app, the proxy, an agent's turn and the chat live on. When the new one does
 * not start, the old installation's is started again. Throws `CliError` when the app is not run by the new one afterwards.
 */
export async function upgradeApp(target: Target, options: UpgradeOptions): Promise<Upgraded> {
  const { app, layout } = target;
  const running = await runningOrchestrator(layout);
  if (!running) return { was_running: false, from: app.last?.version ?? '', to: '', away_ms: 0 };
  const old = commandOf(app.name, running);
  const from = await rest(target, running, options);
  const began = performance.now();
  await stopApp(target, true);
  const { command = greenroomCommand(), readyLimitMs = READY_LIMIT_MS } = options;
  const started = await startDetached(app, { env: old.env, flags: old.flags, command, readyLimitMs });
  if (!started.ok) throw await takenBack(target, old, { from, started });
  const away_ms = Math.round(performance.now() - began);
  const now = await statusOf(layout.operatorSocket);
  return { was_running: true, from, to: now?.version ?? VERSION, away_ms };
}

function commandOf(name: string, running: PidFile): RunningCommand {
  const found = readRunningCommand(running.pid);
  if (!found)
    throw failed(
      'not_permitted',
      `How the orchestrator of "${name}" (process ${running.pid}) was started cannot be read: run this as the user that started it.`,
    );
  if (found.unit !== '')
    throw failed(
      'run_by_systemd',
      `The orchestrator of "${name}" is run by systemd, which has to start the new one: greenroom stop --app ${name} --detach-app, then systemctl start ${found.unit}. The app serves on.`,
    );
  return found;
}

/** Waits until no deploy is under way. Answers the version that runs. */
async function rest({ app, layout }: Target, running: PidFile, { now, tell = () => undefined }: UpgradeOptions): Promise<string> {
  let told = '';
  for (;;) {
    const status = await statusOf(layout.operatorSocket);
    if (!isAlive(running))
      throw failed('upgrade_failed', `The orchestrator of "${app.name}" ended meanwhile. Start it: greenroom start --app ${app.name}`);
    // One that does not answer is to be replaced all the more.
    if (!status) return app.last?.version ?? '';
    const { attempt, queue, version } = status;
    if (now || (!attempt && queue.length === 0)) return version;
    if (attempt?.approval?.state === 'waiting')
      throw failed(
        'waits_for_approval',
        `Deploy ${attempt.id} of "${app.name}" waits for approval: decide it first (greenroom approve, greenroom deny), or end it with --now.`,
      );
    const id = attempt?.id ?? queue[0]?.id ?? '';
    if (id !== told)
      tell(`Waiting until ${attempt?.kind ?? queue[0]?.kind ?? 'attempt'} ${id} of "${app.name}" is decided; --now would end it.`);
    told = id;
    await sleep(LOOK_INTERVAL_MS);
  }
}

/** The old installation's orchestrator again. Answers what is to be told. */
async function takenBack(
  target: Target,
  old: RunningCommand,
  { from, started }: { from: string; started: Extract<Started, { ok: false }> },
): Promise<CliError> {
  const { app } = target;
  if (started.pid !== null) await end(target, started.pid);
  const again = await startDetached(app, { env: old.env, flags: old.flags, command: old.command });
  const first = `The new orchestrator of "${app.name}" (${VERSION}) did not start: ${started.error}`;
  if (again.ok) return failed('upgrade_failed', `${first}\nThe old one${from && ` (${from})`} runs again; the app served all the time.`);
  const next = `The app itself serves on. Put that right, then: greenroom start --app ${app.name}`;
  return failed(
    'upgrade_failed',
    `${first}\nThe old one${from && ` (${from})`} could not be started again either: ${again.error}\n${next}`,
  );
}

/** Ends one that is just starting, without its app. */
async function end(target: Target, pid: number): Promise<void> {
  const left = async (): Promise<boolean> => (await runningOrchestrator(target.layout))?.pid === pid;
  const deadline = performance.now() + LEAVE_LIMIT_MS;
  signal(pid, 'SIGUSR2');
  while ((await left()) && performance.now() < deadline) await sleep(LOOK_INTERVAL_MS);
  signal(pid, 'SIGKILL');
  while (await left()) await sleep(LOOK_INTERVAL_MS);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function statusOf(socket: string): Promise<Status | null> {
  return await createClient({ socket })
    .status({ signal: AbortSignal.timeout(STATUS_LIMIT_MS) })
    .catch(() => null);
}

function failed(code: string, message: string): CliError {
  return new CliError(EXIT.failed, code, message);
}
