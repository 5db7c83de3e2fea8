/** Events without secrets in what people and programs have said. Names that the machine decides by (ids, commits, branches, steps) stay as they are. */
import type { Evidence, Failure } from '@greenroom/sdk/wire';
import type { NewEvent } from './events.ts';

/** Hides secrets in a text. */
type Hide = (text: string) => string;

export function hideInEvent<E extends NewEvent>(event: E, hide: Hide): E {
  return { ...event, ...hidden(event, hide) };
}

function hidden(event: NewEvent, hide: Hide): object {
  switch (event.type) {
    case 'deploy_requested':
    case 'rollback_requested':
    case 'restart_requested':
      return { request: { ...event.request, reason: hide(event.request.reason) } };
    case 'step_succeeded':
      return event.data.detail === undefined ? {} : { data: { ...event.data, detail: hide(event.data.detail) } };
    case 'step_failed':
    case 'restart_failed':
    case 'watch_failed':
      return { failure: hideInFailure(event.failure, hide) };
    case 'instance_exited':
      return { log_tail: event.log_tail.map(hide) };
    case 'denied':
    case 'frozen':
    case 'thawed':
    case 'override_granted':
      return { reason: hide(event.reason) };
    case 'published':
      return { error: hide(event.error) };
    case 'drift_changed':
      return { drift: event.drift.map((it) => ({ ...it, detail: hide(it.detail) })) };
    default:
      return {};
  }
}

function hideInFailure({ code, error, evidence }: Failure, hide: Hide): Failure {
  return { code, error: hide(error), ...(evidence ? { evidence: deep(evidence, hide) as Evidence } : {}) };
}

function deep(value: unknown, hide: Hide): unknown {
  if (typeof value === 'string') return hide(value);
  if (Array.isArray(value)) return value.map((member) => deep(member, hide));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, deep(member, hide)]));
}
