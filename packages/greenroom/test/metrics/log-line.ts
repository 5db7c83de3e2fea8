import assert from 'node:assert/strict';
import { FAILURE_CODES, STEP_NAMES, TRIGGERS } from '@greenroom/sdk/wire';
import { MACHINE_EVENT_TYPES } from '../../src/orchestrator/core/events.ts';

/** Every field of a line of `greenroom start --json`, and its values. Programs read them: another name is a change for users. */
export const LOG_FIELDS: Record<string, (value: unknown) => boolean> = {
  time: (it) => new Date(String(it)).toISOString() === it,
  level: oneOf(['info', 'warn', 'error']),
  app: isText,
  message: isText,
  event: oneOf(MACHINE_EVENT_TYPES),
  attempt: isText,
  kind: oneOf(['deploy', 'rollback']),
  trigger: oneOf(TRIGGERS),
  step: oneOf(STEP_NAMES),
  code: oneOf(FAILURE_CODES),
  duration_ms: Number.isInteger,
  commit: (it) => /^[0-9a-f]{40}$/.test(String(it)),
  slot: oneOf(['a', 'b']),
  instance: isText,
};

export function checkLogLine(line: Record<string, unknown>): void {
  for (const name of ['time', 'level', 'app', 'message']) assert.ok(name in line, `${name} is missing: ${JSON.stringify(line)}`);
  for (const [name, value] of Object.entries(line)) assert.ok(LOG_FIELDS[name]?.(value), `${name} of ${JSON.stringify(line)}`);
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function oneOf(values: readonly unknown[]): (value: unknown) => boolean {
  return (value) => values.includes(value);
}
