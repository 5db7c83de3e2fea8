import type { Failure } from '@greenroom/sdk/wire';
import { planOf } from '../plan.ts';
import type { Queued, Request, State } from '../state.ts';
import { type Draft, type Ignored, refuse, shuttingDown } from './draft.ts';
import { frozenFor, rateLimited } from './governance.ts';
import { restartImpossible, rollbackImpossible, rollbackUnderWay } from './rules.ts';
import { enter } from './steps.ts';
import { abort } from './undo.ts';

/** A queued agent's deploy is overtaken by at most this many human ones. */
export const MAX_OVERTAKEN = 3;

export function deployRequested(draft: Draft, request: Request): Ignored {
  const { state } = draft;
  if (state.stopping !== 'no') return refuse(draft, request, shuttingDown());
  const held = frozenFor(state, request) ?? rateLimited(state, request, draft.at);
  if (held) return refuse(draft, request, held);
  const older = state.queue.filter((it) => it.kind === 'deploy' && it.branch !== '' && it.branch === request.branch);
  for (const it of older) {
    refuse(draft, it, {
      code: 'superseded',
      error: `A newer deploy of branch ${it.branch} (${request.id}) took the place of this one before it began.`,
    });
  }
  state.queue = state.queue.filter((it) => !older.includes(it));
  state.queue.push({ ...request, overtaken: 0 });
  return undefined;
}

export function rollbackRequested(draft: Draft, request: Request): Ignored {
  const { state } = draft;
  if (state.stopping !== 'no') return refuse(draft, request, shuttingDown());
  // A person can always go back; an agent that was stopped stays stopped.
  const held = request.trigger === 'agent' ? frozenFor(state, request) : null;
  if (held) return refuse(draft, request, held);
  const underWay = rollbackUnderWay(state);
  if (underWay !== null) return `rollback ${underWay} is already under way`;
  const { attempt } = state;
  const promoting = attempt?.phase === 'running' && attempt.step === 'promote';
  // What a restart promotes is live already, so that there is nothing of it to undo.
  const meant = promoting && attempt.kind !== 'restart';
  const impossible = meant ? null : rollbackImpossible(state);
  if (impossible) return refuse(draft, request, impossible);
  state.queue.unshift({ ...request, overtaken: 0, ...(meant ? { against: attempt.id } : {}) });
  if (attempt && attempt.phase !== 'undoing' && !promoting)
    abort(draft, attempt, { code: 'aborted', error: `Rollback ${request.id} ended this ${attempt.kind} before it was promoted.` });
  return undefined;
}

/** A freeze does not hold it up: nothing of the code changes, and a secret may have to be replaced at once. */
export function restartRequested(draft: Draft, request: Request): Ignored {
  const { state } = draft;
  if (state.stopping !== 'no') return refuse(draft, request, shuttingDown());
  state.queue.push({ ...request, overtaken: 0 });
  return undefined;
}

/** Called after every event: what waits begins as soon as nothing is under way. */
export function advance(draft: Draft): void {
  const { state } = draft;
  if (state.attempt || state.at_rest) return;
  if (state.stopping !== 'no') {
    // What is being told to end may still be booting: the app is stopped only once all of it can be seen.
    if (state.stopping === 'stop' && state.retiring.some((it) => it.phase === 'stopping')) return;
    state.at_rest = true;
    draft.commands.push({ type: 'shut_down', detach: state.stopping === 'detach' });
    return;
  }
  while (!state.attempt) {
    const taken = takeNext(state);
    if (!taken) return;
    const { next, passed } = taken;
    begin(draft, next);
    // One that is refused has gone before nobody; a restart takes moments.
    if (state.attempt && next.kind === 'deploy') for (const it of passed) it.overtaken += 1;
  }
}

/** Rollbacks first, then people before agents, but no agent's request waits for ever. `passed`: those that asked earlier. */
function takeNext(state: State): { next: Queued; passed: Queued[] } | undefined {
  const { queue } = state;
  const rollback = queue.find((it) => it.kind === 'rollback');
  const starved = queue.find((it) => it.overtaken >= MAX_OVERTAKEN);
  const person = queue.find((it) => it.trigger !== 'agent');
  const next = rollback ?? starved ?? person ?? queue[0];
  if (!next) return undefined;
  const passed = queue.slice(0, queue.indexOf(next));
  state.queue = queue.filter((it) => it !== next);
  return { next, passed };
}

function begin(draft: Draft, queued: Queued): void {
  const { state } = draft;
  const { overtaken: _, against: __, ...request } = queued;
  const impossible = obstacleTo(request, state);
  const plan = planOf(request.kind, state);
  if (impossible || !plan) {
    refuse(draft, request, impossible ?? { code: 'no_previous_release', error: 'There is no previous release to roll back to.' });
    return;
  }
  const first = plan.steps[0] ?? 'promote';
  state.attempt = {
    ...request,
    steps: plan.steps,
    step: first,
    phase: 'running',
    resolved: plan.commit,
    slot: plan.slot,
    candidate: plan.warm,
    reused: plan.warm !== null,
    touched: false,
    waiting_for: [],
    candidate_exit: '',
    failure: null,
  };
  if (plan.warm !== null) takeBack(draft, plan.warm);
  enter(draft, state.attempt, first);
}

function obstacleTo(request: Request, state: State): Failure | null {
  if (request.kind === 'deploy') return frozenFor(state, request);
  return request.kind === 'rollback' ? rollbackImpossible(state) : restartImpossible(state);
}

/** The previous release's instance becomes the candidate: it is no longer anybody's standby, and its drain is off. */
function takeBack(draft: Draft, instance: string): void {
  const { state } = draft;
  if (state.standby?.instance === instance) state.standby = null;
  if (!state.retiring.some((it) => it.instance === instance)) return;
  state.retiring = state.retiring.filter((it) => it.instance !== instance);
  draft.commands.push({ type: 'cancel_drain', instance });
}
