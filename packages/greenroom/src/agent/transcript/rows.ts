import type { ChatConversation, ChatEvent, TurnStatus } from '@greenroom/sdk/chat';
import type { ProcessIdentity } from '../../proc.ts';
import type { Turn } from '../transcript.ts';

/** A row as `node:sqlite` gives it. */
export type Row = Record<string, unknown>;

const TURN_TEXT_CHARACTERS = 200;

export function conversationOf(row: Row): ChatConversation {
  return {
    id: String(row['id']),
    title: String(row['title']),
    user: { id: String(row['user_id']), name: String(row['user_name']) },
    created_at: timeOf(row['created_at']),
    updated_at: timeOf(row['updated_at']),
    last_seq: Number(row['last_seq'] ?? 0),
  };
}

export function turnOf(row: Row): Turn {
  const message = String(row['message']);
  return {
    id: String(row['id']),
    conversation: String(row['conversation']),
    status: String(row['status']) as TurnStatus,
    user: { id: String(row['user_id']), name: String(row['user_name']) },
    text: firstLine(message, TURN_TEXT_CHARACTERS),
    message,
    runner: row['runner'] === null ? null : (JSON.parse(String(row['runner'])) as ProcessIdentity),
    created_at: timeOf(row['created_at']),
    started_at: timeOf(row['started_at']),
    finished_at: timeOf(row['finished_at']),
  };
}

export function eventOf(row: Row): ChatEvent {
  return {
    seq: Number(row['seq']),
    time: timeOf(row['time']),
    conversation: String(row['conversation']),
    turn: String(row['turn']),
    ...JSON.parse(String(row['body'])),
  } as ChatEvent;
}

/** The first line with words, whole characters, with an ellipsis when more was there. */
export function firstLine(text: string, characters: number): string {
  const line = text.trimStart().split('\n', 1)[0]?.trimEnd() ?? '';
  const points = [...line.slice(0, characters * 2)];
  return points.length > characters ? `${points.slice(0, characters - 1).join('')}…` : line;
}

/** RFC 3339 in UTC; empty when there is none. */
function timeOf(value: unknown): string {
  return value === null ? '' : new Date(Number(value)).toISOString();
}
