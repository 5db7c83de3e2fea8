import { sweepBounds } from '../confine/sweep.ts';
import { reap } from './reap.ts';
import { createFate, type Fate } from './runner/fate.ts';
import type { RunnerOptions } from './runner/options.ts';
import type { Permissions } from './runner/permissions.ts';
import { workTurn } from './runner/turn.ts';
import { removeTurnFile, writeTurnFile } from './runner/turn-file.ts';
import type { FinalStatus, Turn } from './transcript.ts';
import { countTurn } from './turn-counts.ts';

/** What a timer can count, almost 25 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export type { RunnerOptions } from './runner/options.ts';

/**
 * Takes the oldest queued turn and works it to its end; `nothing` when none waits, or another runner is at work. May be killed at any moment: what
 * was said until then is in the transcript, and `reap` does the rest.
 */
export async function runTurn(options: RunnerOptions): Promise<FinalStatus | 'nothing'> {
  const { transcript, paths, self, log } = options;
  await reap(options);
  const turn = transcript.takeTurn(self);
  if (!turn) return 'nothing';
  log(`Turn ${turn.id} of conversation ${turn.conversation} begins.`);
  const fate = createFate();
  try {
    await writeTurnFile(paths.agentTurn, { ...self, turn: turn.id, conversation: turn.conversation });
    // Only one runner is at work: what else has bounds is of one that died.
    if (options.limiter) await sweepBounds(options.limiter, []);
    await underOrders(options, turn, fate);
  } catch (error) {
    // A bug of ours, or a full disk: the log has all of it, and the person is told.
    log(error instanceof Error ? (error.stack ?? error.message) : String(error));
    const detail = `Greenroom could not go on with this turn: ${error instanceof Error ? error.message : String(error)}. The runner's log in ${paths.logs} has more.`;
    fate.decide({ status: 'failed', detail });
  }
  const { status, detail } = fate.verdict() ?? { status: 'failed' as const, detail: 'The turn ended without a word.' };
  const uncommitted = await uncommittedFiles(options);
  // Before the turn is over: the next runner's own would be taken away otherwise.
  await removeTurnFile(paths.agentTurn, self);
  if (transcript.finish(turn.id, status, { detail, uncommitted })) await countTurn(paths.agentTurns, turn, status, log);
  log(`Turn ${turn.id} ended as ${status}. ${detail}`);
  if (transcript.queued().length > 0) await options.startNext();
  return status;
}

/** Works the turn while people and clocks may end it. */
async function underOrders(options: RunnerOptions, turn: Turn, fate: Fate): Promise<void> {
  const { transcript, settings, stop } = options;
  let permissions: Permissions | undefined;
  let answered = 0;
  const obey = (): void => {
    for (const request of transcript.requests(turn.id, answered)) {
      if (request.kind === 'permission' && !permissions) return;
      answered = request.id;
      if (request.kind === 'cancel') fate.decide({ status: 'cancelled', detail: `Cancelled by ${request.by}.` });
      else permissions?.answer(request.request, request.option, request.by);
    }
  };
  const end = (): void => fate.decide({ status: 'interrupted', detail: 'The runner was told to stop.' });
  const minutes = Math.round(settings.turn_timeout_ms / 6_000) / 10;
  const timer = setTimeout(
    () =>
      fate.decide({
        status: 'limited',
        detail: `The turn took longer than ${minutes} min, its limit ("turn_timeout_ms" in the contract).`,
      }),
    Math.min(settings.turn_timeout_ms, LONGEST_TIMER_MS),
  );
  const forget = transcript.watch(obey);
  stop.addEventListener('abort', end, { once: true });
  if (stop.aborted) end();
  try {
    obey();
    await workTurn(options, turn, fate, (asked) => {
      permissions = asked;
      obey();
    });
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', end);
    forget();
  }
}

async function uncommittedFiles({ workspace, log }: RunnerOptions): Promise<string[]> {
  try {
    return (await workspace.state()).uncommitted;
  } catch (error) {
    log(`The workspace cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}
