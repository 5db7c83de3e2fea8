import type { Draft, Ignored } from './draft.ts';
import { scheduleRestart } from './restart.ts';
import { AUTOMATIC_PREFIX, rollbackImpossible, rollbackUnderWay } from './rules.ts';
import { abort } from './undo.ts';

/** An instance that served this long is no part of a crash loop. */
export const RESTART_FORGIVEN_AFTER_MS = 60_000;

export function liveExited(draft: Draft, why: string): void {
  const { state, at } = draft;
  if (!state.live) return;
  const servedFor = at - state.live.served_at;
  state.crashes = servedFor >= RESTART_FORGIVEN_AFTER_MS ? 0 : state.crashes;
  state.live.instance = null;
  if (state.stopping !== 'no') return;
  const promoting = state.attempt?.phase === 'running' && state.attempt.step === 'promote';
  // While a switch is under way it decides the route; clearing it now could undo the switch.
  if (!promoting) draft.commands.push({ type: 'clear_route' });
  const { watch } = state;
  state.watch = null;
  if (watch && rollBackByItself(draft, watch.attempt, `the live instance ${why}`)) return;
  scheduleRestart(draft, why);
}

/** The live release does not hold: back to the previous one, before anything else. Answers whether it could. */
export function rollBackByItself(draft: Draft, watched: string, why: string): boolean {
  const { state, at } = draft;
  if (state.stopping !== 'no' || rollbackImpossible(state)) return false;
  if (rollbackUnderWay(state) !== null) return true;
  const { attempt } = state;
  if (attempt?.phase === 'running' && attempt.step === 'promote') return false;
  const id = `${AUTOMATIC_PREFIX}${watched}`;
  state.queue.unshift({
    id,
    kind: 'rollback',
    commit: '',
    branch: '',
    reason: why,
    trigger: 'reconcile',
    caller: 'orchestrator',
    at,
    overtaken: 0,
  });
  if (attempt && attempt.phase !== 'undoing')
    abort(draft, attempt, { code: 'aborted', error: `The live release failed (${why}); the automatic rollback went first.` });
  return true;
}

export function whileWatching(draft: Draft, attempt: string, act: () => void): Ignored {
  if (draft.state.watch?.attempt !== attempt) return `attempt ${attempt} is not being watched`;
  draft.state.watch = null;
  act();
  return undefined;
}
