import type { Failure, StepName } from '@greenroom/sdk/wire';
import type { AliveInstance, MachineEvent } from '../events.ts';
import type { Attempt } from '../state.ts';
import { awaitApproval } from './await.ts';
import { type Draft, type Ignored, refuse, shuttingDown, stop } from './draft.ts';
import { promoted } from './promote.ts';
import { resumePublish } from './publish.ts';
import { abandonRestart, liveSwitched, restartIn } from './restart.ts';
import { abort, undo } from './undo.ts';

/** Brings the state of before to what is really there: finishes a promotion that took effect, undoes every other attempt. */
export function started(draft: Draft, event: Extract<MachineEvent, { type: 'started' }>): Ignored {
  const { state, at } = draft;
  const alive = new Map(event.alive.map((it) => [it.instance, it]));
  state.policy = event.policy;
  state.stopping = 'no';
  state.at_rest = false;
  const { attempt } = state;
  if (!state.live && !attempt) adoptServing(draft, alive.get(event.route ?? ''));
  if (state.live && state.live.instance !== null && !alive.has(state.live.instance)) state.live.instance = null;
  if (state.standby && !alive.has(state.standby.instance)) state.standby = null;
  state.retiring = state.retiring.filter((it) => alive.has(it.instance));
  if (state.restart) resumeRestart(draft, state.restart.instance, event.route, alive.has(state.restart.instance));
  const known = new Set([state.live?.instance, state.standby?.instance, attempt?.candidate, ...state.retiring.map((it) => it.instance)]);
  for (const it of alive.values()) if (!known.has(it.instance)) stop(draft, it.instance, it, '');
  resumeInstances(draft);
  if (attempt) resumeAttempt(draft, attempt, event.route, alive.has(attempt.candidate ?? ''));
  resumeLive(draft, event.route);
  resumePublish(draft);
  if (state.watch && (state.watch.until <= at || state.watch.instance !== state.live?.instance)) state.watch = null;
  if (state.watch && !draft.commands.some((it) => it.type === 'watch')) draft.commands.push({ type: 'watch', ...state.watch });
  return undefined;
}

/** Journal and state are lost, yet an instance serves the visitors: it is what is live, whatever nobody remembers. */
function adoptServing({ state, at }: Draft, serving: AliveInstance | undefined): void {
  if (!serving) return;
  const { instance, slot, commit } = serving;
  state.live = { commit, slot, instance, attempt: instance, served_at: at };
  state.slots[slot] = { commit, ready: true };
}

/** A restart that already has the route serves. Any other begins anew. */
function resumeRestart(draft: Draft, instance: string, route: string | null, runs: boolean): void {
  if (runs && route === instance) liveSwitched(draft, instance);
  else abandonRestart(draft, '');
}

function resumeInstances(draft: Draft): void {
  const { state, commands } = draft;
  const told = new Set(commands.filter((it) => it.type === 'stop').map((it) => it.instance));
  for (const it of state.retiring) {
    if (told.has(it.instance)) continue;
    commands.push({ type: it.phase === 'draining' ? 'drain' : 'stop', instance: it.instance, since: it.since });
  }
  if (state.standby) commands.push({ type: 'keep_standby', instance: state.standby.instance, until: state.standby.until });
}

function resumeAttempt(draft: Draft, attempt: Attempt, route: string | null, candidateRuns: boolean): void {
  if (attempt.phase === 'undoing') {
    // The stop that ended it was itself cut short by a kill: nobody was told that reason, and it is over.
    if (attempt.failure?.code === 'shutting_down') attempt.failure = { ...interrupted(attempt.failure.step), step: attempt.failure.step };
    draft.commands.push(undo(draft.state, attempt));
    return;
  }
  if (attempt.phase === 'waiting' && candidateRuns) {
    draft.commands.push(awaitApproval(attempt));
    return;
  }
  if (attempt.phase === 'running' && attempt.step === 'promote' && candidateRuns && route === attempt.candidate) {
    promoted(draft, attempt);
    return;
  }
  abort(draft, attempt, attempt.phase === 'waiting' ? endedMeanwhile() : interrupted(attempt.step));
}

const interrupted = (step: StepName): Failure => ({
  code: 'interrupted',
  error: `The orchestrator ended during ${step}; nothing was promoted and the attempt was undone.`,
  evidence: { remedy: 'Ask for the deploy again.' },
});

const endedMeanwhile = (): Failure => ({
  code: 'interrupted',
  error: 'The instance that waited for approval ended while the orchestrator was away; nothing was promoted.',
  evidence: { remedy: 'Ask for the deploy again.' },
});

function resumeLive(draft: Draft, route: string | null): void {
  const { state, commands } = draft;
  if (!state.live) {
    if (route !== null) commands.push({ type: 'clear_route' });
    return;
  }
  if (state.live.instance === null) {
    commands.push({ type: 'clear_route' });
    if (!state.restart) restartIn(draft, 0, 'the orchestrator started and the live release was not running');
  } else if (route !== state.live.instance) {
    commands.push({ type: 'switch_live', instance: state.live.instance });
  }
}

export function stopRequested(draft: Draft, detach: boolean): Ignored {
  const { state } = draft;
  if (state.stopping !== 'no') return 'already stopping';
  state.stopping = detach ? 'detach' : 'stop';
  state.at_rest = false;
  state.watch = null;
  for (const it of state.queue) refuse(draft, it, shuttingDown());
  state.queue = [];
  // Whoever leaves the app running wants it running: a restart under way goes on, and the next start takes over what came of it.
  if (state.restart && !detach) abandonRestart(draft, '');
  const { attempt } = state;
  const promoting = attempt?.phase === 'running' && attempt.step === 'promote';
  if (attempt && attempt.phase !== 'undoing' && !promoting) abort(draft, attempt, shuttingDown());
  return undefined;
}

export function stopped(draft: Draft, detach: boolean): Ignored {
  const { state } = draft;
  if (!state.at_rest) return 'nobody asked to stop';
  // Stays at rest until the next start: nothing may begin between this and the end of the process.
  if (detach) return undefined;
  state.standby = null;
  state.retiring = [];
  state.restart = null;
  state.watch = null;
  state.crashes = 0;
  if (state.live) state.live.instance = null;
  return undefined;
}
