import type { IncomingMessage } from 'node:http';
import { type Chat, createChat } from '@greenroom/sdk/app';
import type { Pool } from 'pg';
import { sessionOf } from './sessions.ts';

/** The chat with the coding agent, for editors: whoever may chat can change the album. */
export function openChat(db: Pool): Chat<IncomingMessage> {
  return createChat<IncomingMessage>({
    path: '/chat',
    async authorize(request) {
      const session = await sessionOf(db, request.headers.cookie);
      return session?.editor ? { user: { id: session.name }, approve: true } : null;
    },
  });
}
