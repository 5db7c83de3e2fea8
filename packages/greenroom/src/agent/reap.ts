import { isAlive, readBootId } from '../proc.ts';
import type { Workspace } from './runner/ports.ts';
import { watchTree } from './runner/tree.ts';
import { readTurnFile, removeTurnFile } from './runner/turn-file.ts';
import type { AgentPaths } from './settings.ts';
import type { Transcript, Turn } from './transcript.ts';
import { countTurn } from './turn-counts.ts';

/** How long what a dead runner left behind may take to end by itself. */
const GRACE_MS = 2_000;
/** The agent waits for an answer: little comes after its question. */
const ASKED_WITHIN_EVENTS = 500;

export interface ReapOptions {
  transcript: Transcript;
  paths: Pick<AgentPaths, 'agentTurn' | 'agentTurns'>;
  workspace: Pick<Workspace, 'state'>;
  log(message: string): void;
}

/**
 * Ends the turn of a runner that died: its orphaned processes are ended, what is not committed is listed, and the turn is `interrupted`. Anybody
 * may call it at any time, several at once too; the caller starts a runner when turns are queued. Answers the turn, or null when no runner is dead.
 */
export async function reap({ transcript, paths, workspace, log }: ReapOptions): Promise<Turn | null> {
  const turn = transcript.running();
  const file = readTurnFile(paths.agentTurn);
  if (file && file.turn !== turn?.id && !isAlive(file)) {
    await endProcesses(file.turn, undefined, log);
    await removeTurnFile(paths.agentTurn, file);
  }
  if (!turn || (turn.runner && isAlive(turn.runner))) return null;
  await endProcesses(turn.id, file?.turn === turn.id && file.boot_id === readBootId() ? file.agent : undefined, log);
  const uncommitted = await readUncommitted(workspace, log);
  withdrawQuestions(transcript, turn);
  if (file?.turn === turn.id) await removeTurnFile(paths.agentTurn, file);
  const detail = 'The process that ran this turn ended before its time. What was done is kept, and the turn can be continued.';
  if (!transcript.finish(turn.id, 'interrupted', { detail, uncommitted })) return null;
  await countTurn(paths.agentTurns, turn, 'interrupted', log);
  log(`Turn ${turn.id} was interrupted: its runner is gone.`);
  return transcript.turn(turn.id);
}

/** Nobody waits for an answer any more. */
function withdrawQuestions(transcript: Transcript, turn: Turn): void {
  const { events } = transcript.page(turn.conversation, { limit: ASKED_WITHIN_EVENTS });
  const asked = new Map<string, Extract<(typeof events)[number], { kind: 'permission' }>>();
  for (const event of events) if (event.kind === 'permission' && event.turn === turn.id) asked.set(event.request, event);
  for (const { status, kind, request, call, title, options } of asked.values()) {
    if (status === 'asked')
      transcript.append({ conversation: turn.conversation, turn: turn.id }, { kind, request, call, title, options, status: 'withdrawn' });
  }
}

async function endProcesses(
  turn: string,
  agent: { pid: number; start_ticks: number } | undefined,
  log: (message: string) => void,
): Promise<void> {
  const tree = watchTree(turn, agent && { pid: agent.pid, startTicks: agent.start_ticks });
  const { left } = await tree.end(GRACE_MS);
  tree.forget();
  if (left.length > 0) log(`Processes of turn ${turn} could not be ended: ${left.join(', ')}.`);
}

async function readUncommitted(workspace: Pick<Workspace, 'state'>, log: (message: string) => void): Promise<string[]> {
  try {
    return (await workspace.state()).uncommitted;
  } catch (error) {
    // No workspace yet, or one that the agent broke: the turn has to end all the same.
    log(`The workspace cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}
