import type { EventMessage, JournalRecord } from '@greenroom/sdk/wire';
import { MACHINE_EVENT_TYPES, type MachineEvent } from '../../core/events.ts';
import { type History, project } from '../../core/history.ts';
import { transition } from '../../core/machine.ts';
import { initialState, type State } from '../../core/state.ts';
import type { Tally } from '../../core/tally.ts';
import type { StateFile } from '../state-file.ts';

/** The last records are announced, for readers of `/events` that come back. Telling all of a long journal would take longer than replaying it. */
const ANNOUNCED_RECORDS = 2_000;

/** Who hears of what happened. */
export interface Replay {
  /** Every event that was not ignored, from the first one on. */
  tally: Pick<Tally, 'take'>;
  announce(message: EventMessage): void;
}

export interface Replayed {
  state: State;
  history: History;
}

/**
 * What the journal says happened. The history is told by the whole of it; the state is the saved one brought up to the journal's end, so that a
 * damaged or very old journal cannot change what is live.
 */
export function replay(records: readonly JournalRecord[], saved: StateFile | null, { tally, announce }: Replay): Replayed {
  const history: History = new Map();
  let told = initialState();
  let state = saved?.state;
  const firstAnnounced = records.length - ANNOUNCED_RECORDS;
  for (const [index, record] of records.entries()) {
    const event = eventOf(record);
    if (!event) continue;
    const result = transition(told, event);
    if (!('ignored' in result)) {
      const touched = project(history, event, told, result.state, result.commands);
      told = result.state;
      const attempts = [...touched].flatMap((id) => history.get(id) ?? []);
      tally.take({ type: record.type, attempts });
      if (index >= firstAnnounced) announce({ seq: record.seq, time: record.time, type: record.type, attempts });
    }
    if (!saved || !state || record.seq <= saved.journal.seq) continue;
    const next = transition(state, event);
    if (!('ignored' in next)) state = next.state;
  }
  return { state: state ?? told, history };
}

function eventOf(record: JournalRecord): MachineEvent | null {
  const types: readonly string[] = MACHINE_EVENT_TYPES;
  return types.includes(record.type) && typeof record['at'] === 'number' ? (record as unknown as MachineEvent) : null;
}
