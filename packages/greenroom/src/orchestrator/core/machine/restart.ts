import { type Draft, type Ignored, nameInstance, stop } from './draft.ts';

export const RESTART_FIRST_DELAY_MS = 1_000;

export const RESTART_MAX_DELAY_MS = 30_000;

export function scheduleRestart(draft: Draft, why: string): void {
  const { state } = draft;
  if (!state.live) return;
  const delay = Math.min(RESTART_FIRST_DELAY_MS * 2 ** state.crashes, RESTART_MAX_DELAY_MS);
  state.crashes += 1;
  restartIn(draft, delay, why);
}

export function restartIn(draft: Draft, delay: number, why: string): void {
  const { state, at } = draft;
  if (!state.live) return;
  const { slot, commit } = state.live;
  state.restart = { instance: nameInstance(state, state.live.attempt), count: state.crashes, at: at + delay, why };
  draft.commands.push({ type: 'restart', instance: state.restart.instance, slot, commit, delay_ms: delay });
}

export function restartReady(draft: Draft, instance: string): Ignored {
  const { state } = draft;
  if (state.restart?.instance !== instance) return `instance ${instance} is not the restart under way`;
  if (state.attempt?.phase === 'running' && state.attempt.step === 'promote') {
    abandonRestart(draft, state.attempt.id);
    return undefined;
  }
  draft.commands.push({ type: 'switch_live', instance });
  return undefined;
}

export function restartFailed(draft: Draft, instance: string, why: string): Ignored {
  const { state } = draft;
  if (state.restart?.instance !== instance) return `instance ${instance} is not the restart under way`;
  abandonRestart(draft, '');
  if (state.stopping === 'no') scheduleRestart(draft, why);
  return undefined;
}

export function liveSwitched(draft: Draft, instance: string): Ignored {
  const { state, at } = draft;
  if (!state.live) return 'nothing is live';
  if (state.live.instance === instance) return undefined;
  if (state.restart?.instance !== instance) return `instance ${instance} is not the restart under way`;
  state.restart = null;
  state.live.instance = instance;
  state.live.served_at = at;
  return undefined;
}

export function abandonRestart(draft: Draft, attempt: string): void {
  const { state } = draft;
  if (!state.restart || !state.live) return;
  const { instance } = state.restart;
  state.restart = null;
  stop(draft, instance, { commit: state.live.commit, slot: state.live.slot }, attempt);
}
