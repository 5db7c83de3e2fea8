/**
 * Runs the machine: takes events one at a time, journals each before its commands run, carries the commands out through the ports and turns
 * what comes of them into events. All decisions are the machine's.
 */
import type { AttemptView } from '@greenroom/sdk/wire';
import type { Command, Outcome } from './core/commands.ts';
import type { MachineEvent, NewEvent } from './core/events.ts';
import { hideInEvent } from './core/hide.ts';
import { type History, project } from './core/history.ts';
import { rollbackUnderWay } from './core/machine/rules.ts';
import { transition } from './core/machine.ts';
import type { Policy, Request, State } from './core/state.ts';
import type { Clock, Instances, Journal, Log, Router } from './ports.ts';
import { createWork, type Ports } from './runner/work.ts';

export interface Announcement {
  seq: number;
  time: string;
  type: string;
  /** The attempt that the event names; empty when it names none. */
  subject: string;
  /** The attempts that it changed. */
  attempts: AttemptView[];
}

export interface RunnerOptions {
  ports: Ports & { instances: Instances; router: Router; clock: Clock };
  journal: Journal;
  state: State;
  history: History;
  policy: Policy;
  /** Hides secrets in what people and programs have said. */
  hide?(text: string): string;
  log: Log;
  /** For those who debug the orchestrator. */
  debug(message: string): void;
}

export interface Runner {
  /** Brings state and world together after a start; answers once the live release serves again, or could not be made to. */
  start(): Promise<void>;
  /** Answers as soon as the request is on disk; `outcome` when the attempt is decided. Rejects when the journal cannot be written. */
  request(request: Request): Promise<{ id: string; outcome: Promise<Outcome> }>;
  /** Ends what is under way; answers when the machine has come to rest. */
  settle(detach: boolean): Promise<void>;
  dispatch(event: NewEvent): Promise<void>;
  state(): State;
  history(): History;
  /** Called after each event, in order. Answers a function that unsubscribes. */
  subscribe(listener: (announcement: Announcement) => void): () => void;
}

export function createRunner(options: RunnerOptions): Runner {
  const { ports, journal, history, policy, hide = (text) => text, log, debug } = options;
  let state = options.state;
  let last: Promise<void> = Promise.resolve();
  const waiters = new Map<string, ((outcome: Outcome) => void)[]>();
  const listeners = new Set<(announcement: Announcement) => void>();
  const atRest = Promise.withResolvers<void>();
  const work = createWork({ ports, state: () => state, dispatch, catchUp: () => journal.catchUp(), log });

  function dispatch(event: NewEvent, mustHold = false): Promise<void> {
    const result = last.then(() => take({ ...hideInEvent(event, hide), at: ports.clock.now() } as MachineEvent, mustHold));
    last = result.catch(() => undefined);
    return result;
  }

  async function take(event: MachineEvent, mustHold: boolean): Promise<void> {
    const result = transition(state, event);
    if ('ignored' in result) {
      debug(`ignored ${event.type}: ${result.ignored}`);
      return;
    }
    const { seq, time } = await journal.record(event, mustHold);
    const touched = project(history, event, state, result.state, result.commands);
    state = result.state;
    journal.save(state);
    const subject = 'attempt' in event ? event.attempt : 'request' in event ? event.request.id : '';
    announce({ seq, time, type: event.type, subject, attempts: [...touched].flatMap((id) => history.get(id) ?? []) });
    for (const command of result.commands) carryOut(command);
  }

  function announce(announcement: Announcement): void {
    for (const listener of listeners) listener(announcement);
  }

  function carryOut(command: Command): void {
    if (command.type === 'finish') answer(command.attempt, command.outcome);
    else if (command.type === 'shut_down') atRest.resolve();
    else work.carryOut(command);
  }

  function answer(id: string, outcome: Outcome): void {
    const waiting = waiters.get(id) ?? [];
    waiters.delete(id);
    for (const resolve of waiting) resolve(outcome);
  }

  async function request(request: Request): Promise<{ id: string; outcome: Promise<Outcome> }> {
    const joined = request.kind === 'rollback' ? rollbackUnderWay(state) : null;
    const id = joined ?? request.id;
    const { promise: outcome, resolve } = Promise.withResolvers<Outcome>();
    waiters.set(id, [...(waiters.get(id) ?? []), resolve]);
    if (joined !== null) return { id, outcome };
    try {
      await dispatch({ type: `${request.kind}_requested`, request }, true);
    } catch (error) {
      waiters.delete(id);
      throw error;
    }
    // Another rollback may have been on its way to the machine: the machine let this one go, so it shares that one's outcome.
    const winner = request.kind === 'rollback' && !history.has(id) ? rollbackUnderWay(state) : null;
    if (winner !== null && winner !== id) {
      waiters.set(winner, [...(waiters.get(winner) ?? []), ...(waiters.get(id) ?? [])]);
      waiters.delete(id);
      return { id: winner, outcome };
    }
    return { id, outcome };
  }

  async function start(): Promise<void> {
    // What ends before `started` is simply not alive in it: an event of its own would meet the state of before, which is not to be acted on.
    const ended = new Set<string>();
    let begun = false;
    ports.instances.onExit((exit) => {
      if (!begun) ended.add(exit.instance);
      else
        void dispatch({
          type: 'instance_exited',
          instance: exit.instance,
          exit: exit.exit,
          log_tail: exit.logTail,
          log_file: exit.logFile,
        });
    });
    const adopted = await ports.instances.adopt();
    const route = await ports.router.current();
    const alive = adopted.flatMap(({ instance, slot, commit }) => (ended.has(instance) ? [] : [{ instance, slot, commit }]));
    begun = true;
    await dispatch({ type: 'started', policy, alive, route });
    if (state.attempt?.phase !== 'waiting') await ports.router.preview(null);
    await firstRestart();
  }

  /** Until the live release serves again, or its first boot has failed and the next one is only a matter of back-off. */
  function firstRestart(): Promise<void> {
    const first = state.restart?.instance;
    if (first === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const unsubscribe = subscribe(() => {
        if (state.restart?.instance === first) return;
        unsubscribe();
        resolve();
      });
    });
  }

  async function settle(detach: boolean): Promise<void> {
    await dispatch({ type: 'stop_requested', detach });
    await atRest.promise;
    work.leave();
  }

  function subscribe(listener: (announcement: Announcement) => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  return { start, request, settle, dispatch: (event) => dispatch(event), state: () => state, history: () => history, subscribe };
}
