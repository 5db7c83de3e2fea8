import { createHash } from 'node:crypto';
import type { AttemptView, StepView } from '@greenroom/sdk/wire';
import { parseTraceparent } from '../../core/traceparent.ts';

/** One span, before it is written as OTLP. Times are milliseconds since the epoch. */
export interface Span {
  traceId: string;
  spanId: string;
  /** Empty for the root of a trace. */
  parentId: string;
  parentIsRemote: boolean;
  name: string;
  kind: 'internal' | 'server';
  start: number;
  end: number;
  attributes: Record<string, string | number | boolean>;
  /** Why it failed; empty when it did not. */
  error: string;
}

/**
 * Tells which spans of an attempt have ended since it was asked last, each once: one for each step, and one for the attempt, from the request to the
 * decision. Steps that follow the promotion end after that one. Ids come from the attempt's own, so that a restart goes on with the same trace.
 */
export interface SpanFinder {
  take(attempt: AttemptView): Span[];
}

export function createSpanFinder(app: string): SpanFinder {
  const told = new WeakSet<AttemptView | StepView>();

  function isNew(view: AttemptView | StepView): boolean {
    if (told.has(view)) return false;
    told.add(view);
    return true;
  }

  return {
    take(attempt) {
      const caller = parseTraceparent(attempt.traceparent);
      const steps = attempt.steps.filter((step) => hasEnded(step) && isNew(step));
      const decided = attempt.finished_at !== '' && isNew(attempt);
      if (caller?.sampled === false) return [];
      const traceId = caller?.traceId ?? digest(attempt.id, 16);
      const attemptSpan = digest(`${attempt.id} attempt`, 8);
      const spans = steps.map((step) => ({
        traceId,
        spanId: digest(`${attempt.id} ${step.step}`, 8),
        parentId: attemptSpan,
        parentIsRemote: false,
        ...spanOfStep(app, attempt, step),
      }));
      if (!decided) return spans;
      const parentId = caller?.parentId ?? '';
      return [...spans, { traceId, spanId: attemptSpan, parentId, parentIsRemote: parentId !== '', ...spanOfAttempt(app, attempt) }];
    },
  };
}

type Told = Pick<Span, 'name' | 'kind' | 'start' | 'end' | 'attributes' | 'error'>;

/** Names of OpenTelemetry's conventions for deployments, version control and errors, and our own for the rest. */
function spanOfAttempt(app: string, attempt: AttemptView): Told {
  const { id, kind, branch, trigger, caller, slot, promoted, requested_at, started_at, finished_at, previous_commit, code, error } =
    attempt;
  const start = Date.parse(requested_at);
  const failed = !promoted;
  return {
    name: kind,
    kind: 'server',
    start,
    end: Math.max(start, Date.parse(finished_at)),
    attributes: {
      ...common(app, attempt),
      'deployment.id': id,
      'deployment.status': failed ? 'failed' : 'succeeded',
      'greenroom.trigger': trigger,
      'greenroom.caller': caller,
      'greenroom.queued_ms': started_at === '' ? 0 : Date.parse(started_at) - start,
      ...given({ 'vcs.ref.head.name': branch, 'greenroom.slot': slot, 'greenroom.previous_commit': previous_commit }),
      ...(failed && code ? { 'error.type': code } : {}),
    },
    error: failed ? (error ?? 'failed') : '',
  };
}

function spanOfStep(
  app: string,
  attempt: AttemptView,
  { step, started_at, duration_ms, status, detail = '', code, error }: StepView,
): Told {
  const start = Date.parse(started_at);
  const failed = status === 'failed';
  return {
    name: step,
    kind: 'internal',
    start,
    end: start + duration_ms,
    attributes: {
      ...common(app, attempt),
      'greenroom.step': step,
      ...given({ 'greenroom.detail': detail }),
      ...(failed ? { 'error.type': code ?? '_OTHER' } : {}),
    },
    error: failed ? (error ?? (detail || 'failed')) : '',
  };
}

function common(app: string, { id, commit, trigger }: AttemptView): Record<string, string> {
  return { 'deployment.name': app, 'greenroom.attempt': id, 'greenroom.trigger': trigger, ...given({ 'vcs.ref.head.revision': commit }) };
}

const given = (attributes: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== ''));

const hasEnded = ({ status, started_at }: StepView): boolean => started_at !== '' && (status === 'succeeded' || status === 'failed');

const digest = (text: string, bytes: number): string => createHash('sha256').update(text).digest().subarray(0, bytes).toString('hex');
