import type { Transcript, Turn } from '../transcript.ts';
import type { PreparedWorkspace } from './ports.ts';
import { sinceLastTurn } from './summary.ts';

export interface PromptParts {
  /** For the first prompt of a session. */
  instructions: string;
  /** Of the conversation so far, for an agent that does not know it. */
  summary: string;
  turn: Turn;
  prepared: Extract<PreparedWorkspace, { ok: true }>;
  transcript: Transcript;
  /** The agent remembers the conversation by itself. */
  resumed: boolean;
}

/** What the agent is sent, block by block: what it has to know first, if anything, and the person's message last, by itself. */
export function promptBlocks({ instructions, summary, turn, prepared, transcript, resumed }: PromptParts): string[] {
  const parts: string[] = [];
  if (!resumed && instructions !== '') parts.push(instructions);
  if (summary !== '') {
    parts.push(`The conversation so far, as Greenroom recorded it (you have no memory of it yourself):\n\n${quoted(summary)}`);
  }
  const news = [
    ...prepared.notes.filter(({ tellAgent }) => tellAgent).map(({ text }) => text),
    ...(resumed ? [sinceLastTurn(transcript, turn.conversation, turn.id)] : []),
  ].filter((text) => text !== '');
  if (news.length > 0) parts.push(`Since your last turn:\n${news.map((text) => `- ${text.replaceAll('\n', '\n- ')}`).join('\n')}`);
  if (prepared.firstTask) parts.push(`Your first task, before what the message asks. ${prepared.firstTask}`);
  return parts.length === 0 ? [turn.message] : [`${parts.join('\n\n')}\n\nThe message:\n\n`, turn.message];
}

/** Set apart, so that what was said once is not taken for an order now. */
function quoted(text: string): string {
  return text
    .split('\n')
    .map((line) => `> ${line}`)
    .join('\n');
}
