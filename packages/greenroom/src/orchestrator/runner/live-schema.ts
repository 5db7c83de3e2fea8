import type { SchemaView } from '@greenroom/sdk/wire';
import { schemaView } from '../core/schema.ts';
import type { State } from '../core/state.ts';
import type { Clock, Instance, SchemaAnswer, SchemaCheck } from '../ports.ts';

/** Shorter than whoever asks for the status waits for it. */
const SCHEMA_TIMEOUT_MS = 4_000;
/** Answers are reused for this long: each may cost the app a query. */
const SCHEMA_FRESH_MS = 1_000;

export interface LiveSchemaOptions {
  state(): State;
  /** The live instance while it runs. */
  live(): Instance | undefined;
  schemaCheck: SchemaCheck;
  clock: Clock;
}

/** How database and releases fit together now; null when the app has no schema status. */
export function createLiveSchema({ state, live, schemaCheck, clock }: LiveSchemaOptions): () => Promise<SchemaView | null> {
  let last: { instance: string; at: number; answer: Promise<SchemaAnswer | null> } | null = null;
  return async () => {
    if (!schemaCheck.wanted) return null;
    const instance = live();
    if (!instance) return schemaView(state(), null, state().live ? 'The live release is not running.' : 'Nothing is live.');
    if (last?.instance !== instance.instance || clock.now() - last.at > SCHEMA_FRESH_MS)
      last = { instance: instance.instance, at: clock.now(), answer: schemaCheck.read(instance, SCHEMA_TIMEOUT_MS) };
    const answer = await last.answer;
    if (!answer || live()?.instance !== instance.instance) return schemaView(state(), null, 'The live release is just being replaced.');
    return answer.ok
      ? schemaView(state(), answer.status, '')
      : schemaView(state(), null, `Asked for its schema status, ${answer.problem}.`);
  };
}
