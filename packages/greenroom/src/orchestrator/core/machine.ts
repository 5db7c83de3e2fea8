/**
 * The orchestrator's decisions: a pure function from state and event to the next state and what to do about it. No I/O, no clock: the time is
 * in the event. A deploy, a rollback and a restart are the same thing with another list of steps.
 *
 * What holds after every event, and is tested as properties:
 * one attempt at a time; only a promotion changes what is live; the live instance is never stopped but by retirement; every candidate ends up
 * live, standby or stopped; an event of a past attempt, step or instance changes nothing.
 */
import type { Command } from './commands.ts';
import type { MachineEvent } from './events.ts';
import { approvalExpired, approved, denied, giveWay } from './machine/approval.ts';
import type { Draft, Ignored } from './machine/draft.ts';
import { driftChanged, frozen, overrideGranted, thawed } from './machine/governance.ts';
import { drained, instanceExited, standbyExpired } from './machine/instances.ts';
import { started, stopped, stopRequested } from './machine/lifecycle.ts';
import { rollBackByItself, whileWatching } from './machine/live.ts';
import { published } from './machine/publish.ts';
import { advance, deployRequested, restartRequested, rollbackRequested } from './machine/requests.ts';
import { liveSwitched, restartFailed, restartReady } from './machine/restart.ts';
import { stepFailed, stepSucceeded, whileRunning } from './machine/steps.ts';
import { undone } from './machine/undo.ts';
import type { State } from './state.ts';

export type Transition = { state: State; commands: Command[] } | { ignored: string };

export function transition(state: State, event: MachineEvent): Transition {
  const draft: Draft = { state: structuredClone(state), commands: [], at: event.at };
  const ignored = apply(draft, event);
  if (ignored !== undefined) return { ignored };
  giveWay(draft);
  advance(draft);
  return { state: draft.state, commands: draft.commands };
}

function apply(draft: Draft, event: MachineEvent): Ignored {
  switch (event.type) {
    case 'started':
      return started(draft, event);
    case 'deploy_requested':
      return deployRequested(draft, event.request);
    case 'rollback_requested':
      return rollbackRequested(draft, event.request);
    case 'restart_requested':
      return restartRequested(draft, event.request);
    case 'step_succeeded':
      return whileRunning(draft, event, (attempt) => stepSucceeded(draft, attempt, event.data));
    case 'step_failed':
      return whileRunning(draft, event, (attempt) => stepFailed(draft, attempt, event.failure));
    case 'approved':
      return approved(draft, event);
    case 'denied':
      return denied(draft, event);
    case 'approval_expired':
      return approvalExpired(draft, event);
    case 'undone':
      return undone(draft, event);
    case 'instance_exited':
      return instanceExited(draft, event);
    case 'drained':
      return drained(draft, event.instance);
    case 'standby_expired':
      return standbyExpired(draft, event.instance);
    case 'restart_ready':
      return restartReady(draft, event.instance);
    case 'restart_failed':
      return restartFailed(draft, event.instance, event.failure.error);
    case 'live_switched':
      return liveSwitched(draft, event.instance);
    case 'published':
      return published(draft, event);
    case 'watch_elapsed':
      return whileWatching(draft, event.attempt, () => undefined);
    case 'watch_failed':
      return whileWatching(draft, event.attempt, () => rollBackByItself(draft, event.attempt, event.failure.error));
    case 'frozen':
      return frozen(draft, event);
    case 'thawed':
      return thawed(draft);
    case 'override_granted':
      return overrideGranted(draft, event);
    case 'drift_changed':
      return driftChanged(draft, event);
    case 'stop_requested':
      return stopRequested(draft, event.detach);
    case 'stopped':
      return stopped(draft, event.detach);
    default: {
      const exhaustive: never = event;
      return `unknown event ${JSON.stringify(exhaustive)}`;
    }
  }
}
