import type { ChatPosted } from '@greenroom/sdk/chat';
import type { Hono } from 'hono';
import { z } from 'zod';
import type { Transcript } from '../transcript.ts';
import { answerRefusal, type ChatEnv, lineOf, readBody, refused } from './answers.ts';

const MAX_TITLE_CHARACTERS = 200;
const MAX_MESSAGE_BYTES = 64 * 1024;
const DEFAULT_PAGE_EVENTS = 300;
const MAX_PAGE_EVENTS = 1_000;

export interface ConversationCalls {
  transcript: Transcript;
  /** Why no turn may be begun now; null when one may. */
  mayPost(user: string): ReturnType<typeof refused> | null;
  startRunner(): void;
}

const title = z
  .string()
  .transform(lineOf)
  .refine((text) => text.length <= MAX_TITLE_CHARACTERS, { error: `at most ${MAX_TITLE_CHARACTERS} characters` });
const newConversation = z.object({ title: title.default('') });
const renaming = z.object({ title: title.refine((text) => text !== '', { error: 'a title, not empty' }) });
const message = z.object({
  id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, { error: '1 to 64 letters, digits, - and _, chosen anew for each message' }),
  text: z.string().refine((text) => text.trim() !== '', { error: 'what the agent should do, not empty' }),
});
const number = z
  .string()
  .regex(/^\d{1,15}$/, { error: 'a whole number' })
  .transform(Number);
const pageQuery = z.object({
  before: number.optional(),
  limit: number.refine((it) => it >= 1 && it <= MAX_PAGE_EVENTS, { error: `1 to ${MAX_PAGE_EVENTS}` }).default(DEFAULT_PAGE_EVENTS),
});

/** The calls that read and write conversations. */
export function addConversationCalls(api: Hono<ChatEnv>, { transcript, mayPost, startRunner }: ConversationCalls): void {
  api.get('/api/conversations', (c) => c.json({ conversations: transcript.conversations() }));

  api.post('/api/conversations', async (c) => {
    const read = await readBody(c, newConversation);
    if (!read.ok) return answerRefusal(c, read);
    return c.json(transcript.createConversation({ title: read.body.title, user: c.get('caller').user }), 201);
  });

  api.patch('/api/conversations/:id', async (c) => {
    const read = await readBody(c, renaming);
    if (!read.ok) return answerRefusal(c, read);
    const renamed = transcript.rename(c.req.param('id'), read.body.title);
    return renamed ? c.json(renamed) : answerRefusal(c, NO_CONVERSATION);
  });

  api.delete('/api/conversations/:id', (c) => {
    const deleted = transcript.delete(c.req.param('id'));
    if (deleted === 'busy')
      return answerRefusal(c, refused(409, 'conflict', 'The agent is at work in this conversation: cancel that first.'));
    return deleted ? c.body(null, 204) : answerRefusal(c, NO_CONVERSATION);
  });

  api.get('/api/conversations/:id/events', (c) => {
    const id = c.req.param('id');
    const query = pageQuery.safeParse(c.req.query());
    if (!query.success) {
      return answerRefusal(c, refused(400, 'invalid_request', `"before" is a sequence number, "limit" 1 to ${MAX_PAGE_EVENTS}.`));
    }
    const { before, limit } = query.data;
    if (!transcript.conversation(id)) return answerRefusal(c, NO_CONVERSATION);
    return c.json(transcript.page(id, before === undefined ? { limit } : { before, limit }));
  });

  api.post('/api/conversations/:id/messages', async (c) => {
    const conversation = c.req.param('id');
    const read = await readBody(c, message);
    if (!read.ok) return answerRefusal(c, read);
    const { id, text } = read.body;
    if (Buffer.byteLength(text) > MAX_MESSAGE_BYTES) {
      return answerRefusal(c, refused(413, 'too_large', `The message is longer than ${MAX_MESSAGE_BYTES / 1024} KiB: shorten it.`));
    }
    if (!transcript.conversation(conversation)) return answerRefusal(c, NO_CONVERSATION);
    const { user } = c.get('caller');
    // One that was taken is answered alike, however many were taken since.
    const known = transcript.posted(conversation, id);
    const limited = known ? null : mayPost(user.id);
    if (limited) return answerRefusal(c, limited);
    const { turn, seq } = known ?? transcript.post({ conversation, id, text: text.toWellFormed(), user });
    // Known ones too: whoever posted it may have died before its runner was started.
    startRunner();
    return c.json({ turn, seq } satisfies ChatPosted, 202);
  });
}

export const NO_CONVERSATION = refused(404, 'not_found', 'There is no such conversation: it was deleted, or never was.');
