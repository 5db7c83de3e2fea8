import type { ChatEvent, TurnStatus } from '@greenroom/sdk/chat';
import type { Transcript } from '../transcript.ts';

const MAX_BYTES = 24 * 1024;
const MESSAGE_CHARACTERS = 2_000;
const ANSWER_CHARACTERS = 3_000;
const READ_EVENTS = 2_000;
const MAX_FILES = 20;

/**
 * What was said and done in a conversation before a turn, for an agent that knows nothing of it: from our transcript, newest kept when it is too
 * long. Empty when there was nothing.
 */
export function summarise(transcript: Transcript, conversation: string, beforeTurn: string): string {
  const { events } = transcript.page(conversation, { limit: READ_EVENTS });
  const turns = Map.groupBy(
    events.filter(({ turn }) => turn !== beforeTurn),
    ({ turn }) => turn,
  );
  for (const [turn, its] of turns) if (waits(its)) turns.delete(turn);
  const parts = [...turns.values()].map(turnText).filter((text) => text !== '');
  const kept: string[] = [];
  let bytes = 0;
  for (const part of parts.reverse()) {
    bytes += Buffer.byteLength(part);
    if (bytes > MAX_BYTES) break;
    kept.unshift(part);
  }
  if (kept.length < parts.length) kept.unshift('(Earlier parts are left out.)');
  return kept.join('\n\n');
}

/** What the agent may not know of since its last turn: that this was cut off, and what others did, such as a rollback; empty when nothing. */
export function sinceLastTurn(transcript: Transcript, conversation: string, turn: string): string {
  const { events } = transcript.page(conversation, { limit: READ_EVENTS });
  const last = events.findLastIndex((event) => event.turn !== turn && event.kind === 'turn' && isOver(event));
  const ended = events[last];
  // Only how each ended.
  const attempts = new Map<string, ChatEvent>();
  for (const event of events.slice(last + 1)) if (event.turn !== turn && event.kind === 'attempt') attempts.set(event.attempt.id, event);
  const cut = ended?.kind === 'turn' && ended.status !== 'completed' ? [cutOff(ended)] : [];
  return [...cut, ...[...attempts.values()].map(lineOf)].join('\n');
}

/** It was said already, but its turn comes after this one. */
const waits = (turn: readonly ChatEvent[]): boolean => turn.findLast((event) => event.kind === 'turn')?.status === 'queued';

const isOver = ({ status }: { status: TurnStatus }): boolean => status !== 'queued' && status !== 'running';

function cutOff({ status, detail, uncommitted = [] }: Extract<ChatEvent, { kind: 'turn' }>): string {
  const left = uncommitted.slice(0, MAX_FILES).map((file) => JSON.stringify(file));
  const files = left.length > 0 ? ` Changes that are not committed: ${left.join(', ')}.` : '';
  return `Your last turn ended as ${status}: what was under way then may be half done. ${detail}${files}`;
}

function turnText(events: readonly ChatEvent[]): string {
  const last = new Map<string, ChatEvent>();
  let answer = '';
  for (const event of events) {
    if (event.kind === 'text') answer += event.delta;
    else if (event.kind === 'attempt') last.set(event.attempt.id, event);
    else if (event.kind === 'message' || event.kind === 'commit') last.set(`${event.seq}`, event);
    else if (event.kind === 'turn' && isOver(event) && event.status !== 'completed') last.set('turn', event);
  }
  const lines = [...last.values()].map(lineOf);
  if (answer !== '') lines.push(`Agent: ${end(answer.trim(), ANSWER_CHARACTERS)}`);
  return lines.join('\n');
}

function lineOf(event: ChatEvent): string {
  if (event.kind === 'message')
    return `Person: ${event.text.length > MESSAGE_CHARACTERS ? `${event.text.slice(0, MESSAGE_CHARACTERS)}…` : event.text}`;
  if (event.kind === 'commit') return `Commit ${event.commit.slice(0, 10)}: ${event.subject}`;
  if (event.kind === 'turn') return `The turn ended as ${event.status}. ${event.detail}`.trim();
  if (event.kind !== 'attempt') return '';
  const { kind, commit, status, code, trigger, reason } = event.attempt;
  const by = trigger === 'agent' ? '' : ` (${trigger}${reason ? `: ${reason}` : ''})`;
  return `${kind === 'deploy' ? 'Deploy' : 'Rollback'} of ${commit.slice(0, 10)}${by}: ${status}${code ? ` (${code})` : ''}`;
}

/** The end says what came out. */
function end(text: string, characters: number): string {
  return text.length > characters ? `…${text.slice(-characters)}` : text;
}
