/** Follows a conversation, from the last event that was taken. */
import type { ChatEvent, ChatRefusal, ChatState } from '@greenroom/sdk/chat';
import type { Api } from './api.ts';
import { type Connection, followStream } from './follow.ts';

export type { Connection } from './follow.ts';

export interface StreamListener {
  /** Sequence number of the newest event that was taken. */
  newest(): number;
  event(event: ChatEvent): void;
  state(state: ChatState): void;
  connection(connection: Connection): void;
  /** It will not be tried again: logged out, or the conversation is gone. */
  refused(status: number, refusal: ChatRefusal): void;
}

export function followConversation(api: Api, conversation: string, listener: StreamListener): { close(): void; retry(): void } {
  return followStream<ChatRefusal>({
    open: (signal) => api.stream(conversation, listener.newest(), signal),
    event({ event, data }) {
      if (event === 'chat') listener.event(JSON.parse(data) as ChatEvent);
      else if (event === 'state') listener.state(JSON.parse(data) as ChatState);
    },
    connection: (connection) => listener.connection(connection),
    refused: (status, refusal) => listener.refused(status, refusal),
  });
}
