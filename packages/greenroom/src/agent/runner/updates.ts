import type { SessionUpdate } from '@agentclientprotocol/sdk';
import { oneLine } from './text.ts';
import { blockText, type ToolMapper } from './tool.ts';
import type { Writer } from './writer.ts';

const MAX_PLAN_ENTRIES = 100;
const ENTRY_CHARACTERS = 500;

export interface Updates {
  take(update: SessionUpdate): void;
  /** While true everything is old news. */
  replaying(now: boolean): void;
}

/** Writes what an agent says of its work. Usage, modes and the like are not for the chat. */
export function createUpdates(options: { writer: Writer; tools: ToolMapper; onToolDone: () => void }): Updates {
  const { writer, tools, onToolDone } = options;
  let isOld = false;
  return {
    replaying(now) {
      isOld = now;
    },
    take(update) {
      if (isOld) return;
      switch (update.sessionUpdate) {
        case 'agent_message_chunk':
          writer.say('text', blockText(update.content), update.messageId);
          return;
        case 'agent_thought_chunk':
          writer.say('thought', blockText(update.content), update.messageId);
          return;
        case 'tool_call':
        case 'tool_call_update': {
          const event = tools.map(update);
          if (!event) return;
          writer.tool(event);
          if (event.status === 'completed' || event.status === 'failed') onToolDone();
          return;
        }
        case 'plan': {
          const entries = update.entries.slice(0, MAX_PLAN_ENTRIES);
          const shown = entries.map(({ content, status }) => ({ text: oneLine(content, ENTRY_CHARACTERS), status }));
          writer.put({ kind: 'plan', entries: shown }, { breaks: true });
          return;
        }
        default:
          return;
      }
    },
  };
}
