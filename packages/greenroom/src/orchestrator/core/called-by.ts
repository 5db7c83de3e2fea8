import type { CallerView } from '@greenroom/sdk/wire';
import type { CalledBy } from './state.ts';

/** Of something that somebody asked for, who did. */
export function calledBy({ caller, called_by }: CalledBy): CalledBy {
  return called_by === undefined ? { caller } : { caller, called_by };
}

/** For people: `operator-socket, ada with curl, process 12`. */
export function callerText({ caller, called_by }: CalledBy): string {
  return called_by === undefined ? caller : `${caller}, ${processText(called_by)}`;
}

function processText({ uid, user, pid, program }: CallerView): string {
  const who = user === '' ? `user ${uid}` : user;
  return `${who}${program === '' ? '' : ` with ${program}`}${pid === 0 ? '' : `, process ${pid}`}`;
}
