import { randomBytes } from 'node:crypto';
import type { ChatConversation, ChatEvent, ChatEventBody, ChatPage, ChatPosted, TurnStatus } from '@greenroom/sdk/chat';
import type { FinalStatus, Transcript, Turn, TurnRequest } from '../transcript.ts';
import { openDatabase } from './database.ts';
import { createMerger } from './merge.ts';
import { conversationOf, eventOf, firstLine, type Row, turnOf } from './rows.ts';
import { createWatching } from './watch.ts';

const TITLE_CHARACTERS = 80;
const CONVERSATIONS_LIMIT = 200;
/** A page ends here even inside a block of text: one that is longer than this is no page for a browser. */
const MAX_PAGE_ROWS = 20_000;
const SELECT_CONVERSATION =
  'SELECT *, (SELECT max(seq) FROM events WHERE events.conversation = conversations.id) AS last_seq FROM conversations';

/** Opens the transcript of an app; throws when the file was written by a newer version or cannot be used. */
export function openTranscript(file: string, now: () => number = Date.now): Transcript {
  const { sql, write } = openDatabase(file);
  const watching = createWatching(file, sql);
  const insertEvent = sql.prepare(
    'INSERT INTO events (conversation, turn, kind, attempt, version, time, body) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING seq, time',
  );
  const touch = sql.prepare('UPDATE conversations SET updated_at = ? WHERE id = ?');
  const newerEvents = sql.prepare('SELECT * FROM events WHERE conversation = ? AND seq > ? ORDER BY seq LIMIT ?');
  const olderEvents = sql.prepare('SELECT * FROM events WHERE conversation = ? AND seq < ? ORDER BY seq DESC LIMIT ?');
  const attemptVersion = sql.prepare('SELECT max(version) AS version FROM events WHERE conversation = ? AND attempt = ?');
  const all = (text: string, ...values: (string | number)[]): Row[] => sql.prepare(text).all(...values) as Row[];
  const one = (text: string, ...values: (string | number)[]): Row | undefined => sql.prepare(text).get(...values) as Row | undefined;

  /** Within a transaction of the caller's. */
  function insert(conversation: string, turn: string, body: ChatEventBody): ChatEvent {
    const time = now();
    const [attempt, version] = body.kind === 'attempt' ? [body.attempt.id, body.journal_seq] : [null, null];
    const row = insertEvent.get(conversation, turn, body.kind, attempt, version, time, JSON.stringify(body));
    touch.run(time, conversation);
    return { seq: Number(row?.['seq']), time: new Date(time).toISOString(), conversation, turn, ...body };
  }

  function change<T>(work: () => T): T {
    const result = write(work);
    watching.changed();
    return result;
  }

  const conversation = (id: string): ChatConversation | null => {
    const row = one(`${SELECT_CONVERSATION} WHERE id = ?`, id);
    return row ? conversationOf(row) : null;
  };
  const turnsWhere = (where: string, ...values: string[]): Turn[] =>
    all(`SELECT * FROM turns WHERE ${where} ORDER BY number`, ...values).map(turnOf);
  const turn = (id: string): Turn | null => turnsWhere('id = ?', id)[0] ?? null;
  const posted = (place: string, id: string): ChatPosted | null => {
    const row = one('SELECT id, message_seq FROM turns WHERE conversation = ? AND message_id = ?', place, id);
    return row ? { turn: String(row['id']), seq: Number(row['message_seq']) } : null;
  };
  const exists = (id: string): boolean => one('SELECT 1 FROM conversations WHERE id = ?', id) !== undefined;
  const forget = (id: string): void => void sql.prepare('DELETE FROM conversations WHERE id = ?').run(id);
  /** So that what was deleted is in no file any more. A reader at work may put it off until the next one. */
  const emptyLog = (): void => sql.exec('PRAGMA wal_checkpoint(TRUNCATE)');

  return {
    createConversation({ title, user }) {
      const id = newId('c');
      change(() => {
        const at = now();
        sql
          .prepare('INSERT INTO conversations (id, title, user_id, user_name, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)')
          .run(id, firstLine(title, TITLE_CHARACTERS), user.id, user.name, at, at);
      });
      return conversation(id) ?? gone(id);
    },
    conversation,
    conversations: (limit = CONVERSATIONS_LIMIT) =>
      all(`${SELECT_CONVERSATION} ORDER BY updated_at DESC, number DESC LIMIT ?`, limit).map(conversationOf),
    rename(id, title) {
      change(() => sql.prepare('UPDATE conversations SET title = ? WHERE id = ?').run(firstLine(title, TITLE_CHARACTERS), id));
      return conversation(id);
    },
    delete: (id) => {
      const outcome = change(() => {
        if (one("SELECT 1 FROM turns WHERE conversation = ? AND status = 'running'", id)) return 'busy';
        const there = exists(id);
        forget(id);
        return there;
      });
      if (outcome === true) emptyLog();
      return outcome;
    },
    prune: (before) => {
      const removed = change(() => {
        const old = all(
          `SELECT id FROM conversations WHERE updated_at < ?
           AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.conversation = conversations.id AND status IN ('queued', 'running'))`,
          before.getTime(),
        );
        for (const row of old) forget(String(row['id']));
        return old.length;
      });
      if (removed > 0) emptyLog();
      return removed;
    },

    post: ({ conversation: place, id, text, user }) =>
      change(() => {
        const known = posted(place, id);
        if (known) return { ...known, duplicate: true };
        if (!exists(place)) gone(place);
        const turnId = newId('t');
        const { seq } = insert(place, turnId, { kind: 'message', id, text, user });
        sql
          .prepare(
            `INSERT INTO turns (id, conversation, message_id, message_seq, message, user_id, user_name, status, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?)`,
          )
          .run(turnId, place, id, seq, text, user.id, user.name, now());
        insert(place, turnId, { kind: 'turn', status: 'queued', detail: '' });
        sql.prepare("UPDATE conversations SET title = ? WHERE id = ? AND title = ''").run(firstLine(text, TITLE_CHARACTERS), place);
        return { turn: turnId, seq, duplicate: false };
      }),
    posted,
    takeTurn: (runner) =>
      change(() => {
        if (one("SELECT 1 FROM turns WHERE status = 'running'")) return null;
        const [next] = turnsWhere("status = 'queued'");
        if (!next) return null;
        const started = "UPDATE turns SET status = 'running', runner = ?, started_at = ? WHERE id = ?";
        sql.prepare(started).run(JSON.stringify(runner), now(), next.id);
        insert(next.conversation, next.id, { kind: 'turn', status: 'running', detail: '' });
        return turn(next.id);
      }),
    turn,
    running: () => turnsWhere("status = 'running'")[0] ?? null,
    queued: () => turnsWhere("status = 'queued'"),
    turns: (place) => turnsWhere('conversation = ?', place),
    finish: (id, status, event) => end(id, ['queued', 'running'], status, event),
    withdraw: (id, detail) => end(id, ['queued'], 'cancelled', { detail }),

    append: (place, body) =>
      change(() => {
        if (!exists(place.conversation)) gone(place.conversation);
        return insert(place.conversation, place.turn, body);
      }),
    appendAttempt: (place, journalSeq, attempt) =>
      change(() => {
        if (!exists(place.conversation)) return null;
        const known = attemptVersion.get(place.conversation, attempt.id)?.['version'];
        if (typeof known === 'number' && known >= journalSeq) return null;
        return insert(place.conversation, place.turn, { kind: 'attempt', journal_seq: journalSeq, attempt });
      }),
    eventsAfter: (place, seq, limit) => newerEvents.all(place, seq, limit).map((row) => eventOf(row as Row)),
    page: (place, { before = Number.MAX_SAFE_INTEGER, limit }) => readPage(place, before, limit),

    session(place) {
      const row = one("SELECT agent, session FROM conversations WHERE id = ? AND session <> ''", place);
      return row ? { agent: String(row['agent']), session: String(row['session']) } : null;
    },
    saveSession: (place, { agent, session }) =>
      void change(() => sql.prepare('UPDATE conversations SET agent = ?, session = ? WHERE id = ?').run(agent, session, place)),

    request: (id, request) =>
      void change(() => sql.prepare('INSERT INTO requests (turn, body) VALUES (?, ?)').run(id, JSON.stringify(request))),
    requests: (id, after) =>
      all('SELECT id, body FROM requests WHERE turn = ? AND id > ? ORDER BY id', id, after).map(
        (row) => ({ id: Number(row['id']), ...JSON.parse(String(row['body'])) }) as TurnRequest,
      ),

    watch: (listener) => watching.add(listener),
    close() {
      watching.close();
      sql.close();
    },
  };

  function end(id: string, from: TurnStatus[], status: FinalStatus, event: { detail: string; uncommitted?: string[] }): boolean {
    return change(() => {
      const open = turn(id);
      if (!open || !from.includes(open.status)) return false;
      sql.prepare('UPDATE turns SET status = ?, finished_at = ? WHERE id = ?').run(status, now(), id);
      sql.prepare('DELETE FROM requests WHERE turn = ?').run(id);
      insert(open.conversation, id, { kind: 'turn', status, ...event });
      return true;
    });
  }

  function readPage(place: string, before: number, limit: number): ChatPage {
    const merger = createMerger();
    let rows = 0;
    for (const row of olderEvents.iterate(place, before, MAX_PAGE_ROWS + 1)) {
      const event = eventOf(row as Row);
      if (rows === MAX_PAGE_ROWS || (merger.size >= limit && merger.mayEndBefore(event))) return { events: merger.events(), more: true };
      merger.add(event);
      rows += 1;
    }
    return { events: merger.events(), more: false };
  }
}

function newId(prefix: 'c' | 't'): string {
  return `${prefix}${randomBytes(9).toString('hex')}`;
}

function gone(conversation: string): never {
  throw new Error(`There is no conversation ${conversation}: it was deleted, or never was.`);
}
