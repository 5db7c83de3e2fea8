/** What the journal's events add up to, for metrics. */
import {
  ATTEMPT_KINDS,
  type AttemptKind,
  type AttemptView,
  FAILURE_CODES,
  type FailureCode,
  type StepName,
  type StepView,
  TRIGGERS,
  type Trigger,
} from '@greenroom/sdk/wire';
import { type Counter, createCounter, createTimings, type Timings } from './measures.ts';

/** From a warm rollback to a setup command that compiles half the world, in seconds. */
export const STEP_SECONDS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800];
/** A rename takes less than the first, a proxy's reload about the fifth; seconds. */
export const SWAP_SECONDS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const OUTCOMES = ['succeeded', 'failed'] as const;
type Outcome = (typeof OUTCOMES)[number];

/**
 * Counts attempts and steps. It is fed with the journal from its beginning and with every event from then on, so that its counters go on where
 * they were when the orchestrator is started again, and nothing that happened around a crash is missing in them.
 */
export interface Tally {
  /** Takes an event with the attempts that it changed: the same objects each time, for each attempt and step counts once. */
  take(event: { type: string; attempts: readonly AttemptView[] }): void;
  attempts: Counter<{ kind: AttemptKind; trigger: Trigger; outcome: Outcome }>;
  failures: Counter<{ kind: AttemptKind; code: FailureCode }>;
  /** Promoted releases that the watch rolled back from. */
  rolledBack: Counter<Record<string, never>>;
  attemptSeconds: Timings<{ kind: AttemptKind; outcome: Outcome }>;
  stepSeconds: Timings<{ step: StepName; outcome: Outcome }>;
  /** How long the route took to be switched. */
  swapSeconds: Timings<Record<string, never>>;
}

export function createTally(): Tally {
  const tally: Omit<Tally, 'take'> = {
    attempts: createCounter(
      ATTEMPT_KINDS.flatMap((kind) => TRIGGERS.flatMap((trigger) => OUTCOMES.map((outcome) => ({ kind, trigger, outcome })))),
    ),
    failures: createCounter(ATTEMPT_KINDS.flatMap((kind) => FAILURE_CODES.map((code) => ({ kind, code })))),
    rolledBack: createCounter([{}]),
    attemptSeconds: createTimings(STEP_SECONDS),
    stepSeconds: createTimings(STEP_SECONDS),
    swapSeconds: createTimings(SWAP_SECONDS),
  };
  const counted = new WeakSet<AttemptView | StepView>();
  const replaced = new WeakSet<AttemptView>();

  function takeAttempt(attempt: AttemptView): void {
    const { kind, trigger, status, code, promoted } = attempt;
    if (attempt.finished_at !== '' && isNew(attempt)) {
      const outcome = promoted ? 'succeeded' : 'failed';
      tally.attempts.add({ kind, trigger, outcome });
      if (!promoted && code) tally.failures.add({ kind, code });
      // What never began took no time.
      if (attempt.started_at !== '') tally.attemptSeconds.observe({ kind, outcome }, attempt.duration_ms / 1_000);
    }
    if (status !== 'rolled_back' || replaced.has(attempt)) return;
    replaced.add(attempt);
    tally.rolledBack.add({});
  }

  function takeStep({ type }: { type: string }, step: StepView): void {
    const { status } = step;
    if ((status !== 'succeeded' && status !== 'failed') || !isNew(step)) return;
    tally.stepSeconds.observe({ step: step.step, outcome: status }, step.duration_ms / 1_000);
    // Found switched by a start after a crash, it took nobody knows how long.
    if (step.step === 'promote' && status === 'succeeded' && type === 'step_succeeded')
      tally.swapSeconds.observe({}, step.duration_ms / 1_000);
  }

  function isNew(view: AttemptView | StepView): boolean {
    if (counted.has(view)) return false;
    counted.add(view);
    return true;
  }

  return {
    ...tally,
    take(event) {
      for (const attempt of event.attempts) {
        takeAttempt(attempt);
        for (const step of attempt.steps) takeStep(event, step);
      }
    },
  };
}
