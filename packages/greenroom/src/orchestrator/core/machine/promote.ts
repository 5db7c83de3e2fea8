import { type Attempt, type Live, otherSlot, type Release, type State } from '../state.ts';
import { type Draft, finish, stop } from './draft.ts';
import { notePromoted } from './governance.ts';
import { liveExited } from './live.ts';
import { publish } from './publish.ts';
import { abandonRestart } from './restart.ts';
import { isAutomatic } from './rules.ts';

export function promoted(draft: Draft, attempt: Attempt): void {
  const { state, at } = draft;
  // First of all: the instance being restarted is in the slot of the release that is live until now.
  if (state.restart) abandonRestart(draft, attempt.id);
  const old = state.live;
  if (old && attempt.kind === 'restart') {
    renewed(draft, attempt, old);
    return;
  }
  state.live = {
    commit: attempt.resolved,
    slot: attempt.slot,
    instance: attempt.candidate,
    attempt: attempt.id,
    served_at: at,
    ...declaredBy(attempt),
  };
  state.attempt = null;
  state.crashes = 0;
  rememberPrevious(state, attempt, old);
  notePromoted(state, attempt);
  if (state.standby) {
    const { standby } = state;
    state.standby = null;
    stop(draft, standby.instance, standby, attempt.id);
  }
  draft.commands.push(finish(attempt.id, { ok: true, slot: attempt.slot, commit: attempt.resolved, previous_commit: old?.commit ?? '' }));
  publish(draft, state.live);
  if (old && old.instance !== null) retire(draft, attempt, { ...old, instance: old.instance });
  startWatch(draft, attempt);
  if (attempt.candidate_exit) liveExited(draft, attempt.candidate_exit);
}

/** The release that was live is live still, served by another instance of it: its deploy, its watch and the way back are what they were. */
function renewed(draft: Draft, attempt: Attempt, old: Live): void {
  const { state, at } = draft;
  state.live = { ...old, instance: attempt.candidate, served_at: at };
  state.attempt = null;
  state.crashes = 0;
  if (state.standby) {
    const { standby } = state;
    state.standby = null;
    stop(draft, standby.instance, standby, attempt.id);
  }
  for (const it of state.retiring) Object.assign(it, { keep: false, outdated: true });
  draft.commands.push(finish(attempt.id, { ok: true, slot: old.slot, commit: old.commit, previous_commit: old.commit }));
  if (old.instance !== null) retire(draft, attempt, { ...old, instance: old.instance });
  if (state.watch && attempt.candidate !== null) {
    state.watch = { ...state.watch, instance: attempt.candidate };
    draft.commands.push({ type: 'watch', ...state.watch });
  }
  if (attempt.candidate_exit) liveExited(draft, attempt.candidate_exit);
}

function rememberPrevious(state: State, attempt: Attempt, old: Live | null): void {
  // Whoever makes a commit live by choice lifts its quarantine.
  state.quarantine = state.quarantine.filter((it) => it !== attempt.resolved);
  if (attempt.kind === 'deploy') {
    state.promoted_at = attempt.at;
    state.consecutive_failures = 0;
  } else if (old && old.commit !== attempt.resolved && !state.quarantine.includes(old.commit)) {
    state.quarantine.push(old.commit);
  }
  if (!old) return;
  // The same commit once more must not cost the way back to the release before it.
  const again = attempt.kind === 'deploy' && old.commit === attempt.resolved && state.previous !== null;
  state.previous =
    again && state.previous
      ? { ...state.previous, slot: otherSlot(attempt.slot) }
      : { commit: old.commit, slot: old.slot, faulty: attempt.kind === 'rollback' && isAutomatic(attempt), ...declaredBy(old) };
}

const declaredBy = ({ schema }: Live | Attempt): Pick<Live, 'schema'> => (schema ? { schema } : {});

function retire(draft: Draft, attempt: Attempt, old: Release & { instance: string }): void {
  const { state, at } = draft;
  // Whatever a rollback could go to stays warm; what failed its watch does not.
  const keep = attempt.kind !== 'restart' && state.policy.standby_ms > 0 && !isAutomatic(attempt) && state.previous?.commit === old.commit;
  state.retiring.push({
    instance: old.instance,
    slot: old.slot,
    commit: old.commit,
    attempt: attempt.id,
    phase: 'draining',
    keep,
    since: at,
  });
  draft.commands.push({ type: 'drain', instance: old.instance, since: at });
}

function startWatch(draft: Draft, attempt: Attempt): void {
  const { state, at } = draft;
  state.watch = null;
  if (attempt.kind !== 'deploy' || state.policy.watch_ms <= 0 || attempt.candidate === null || state.stopping !== 'no') return;
  state.watch = { attempt: attempt.id, instance: attempt.candidate, until: at + state.policy.watch_ms };
  draft.commands.push({ type: 'watch', ...state.watch });
}
