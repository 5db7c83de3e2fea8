import type { MachineEvent } from '../../core/events.ts';
import type { Journal } from '../../ports.ts';
import type { StateWriter } from '../state-file.ts';
import type { JournalFile } from './file.ts';

/**
 * Records the machine's events. When the disk refuses, what has already happened is kept in memory and written, in order, before anything newer;
 * only a new request is refused. Nothing is promoted meanwhile: the runner asks `catchUp` first.
 */
export function createRecorder(
  journal: JournalFile,
  states: StateWriter,
  log: (message: string) => void,
): Journal & { close(): Promise<void> } {
  const backlog: MachineEvent[] = [];
  let problem = '';

  async function writeBacklog(): Promise<void> {
    for (let next = backlog[0]; next; next = backlog[0]) {
      await journal.append({ ...next });
      backlog.shift();
    }
    if (problem) log('the journal can be written again; nothing is missing in it');
    problem = '';
  }

  function refused(error: unknown): string {
    const message = (error as Error).message;
    if (!problem) log(message);
    problem = message;
    return message;
  }

  return {
    async record(event, mustHold) {
      try {
        await writeBacklog();
        return await journal.append({ ...event });
      } catch (error) {
        refused(error);
        if (mustHold) throw error;
        backlog.push(event);
        return { seq: journal.head().seq + backlog.length, time: new Date(event.at).toISOString() };
      }
    },
    save(state) {
      if (backlog.length === 0) states.save({ journal: journal.head(), state });
    },
    async catchUp() {
      try {
        await writeBacklog();
        return '';
      } catch (error) {
        return refused(error);
      }
    },
    async close() {
      await states.flush();
      await journal.close();
    },
  };
}
