import type { Conversation } from './conversation.ts';

/** One thing that the stand-in for a model does, whatever the agent calls its tools. `expect` is what the result has to hold. */
export type Step = { expect?: RegExp } & (
  | { do: 'read'; path: string }
  | { do: 'write'; path: string; content: string }
  | { do: 'edit'; path: string; from: string; to: string }
  | { do: 'run'; command: string }
  /** One of Greenroom's tools: over MCP, or by the command of the same name where the agent offers no such tool. */
  | { do: 'greenroom'; verb: string; input: Record<string, string>; args: string[] }
  | { do: 'say'; text: string }
);

export type Scripts = Record<string, Step[]>;

export interface Position {
  step: Step;
  /** The step before it and what came of it, when there is one. */
  before?: { step: Step; result: string };
}

const MARKER = /\[script: ([\w-]+)\]/g;

/** What a message has to hold for the stand-in to follow a script. */
export function marker(script: string): string {
  return `[script: ${script}]`;
}

/**
 * Where the conversation stands: the script that the last marker of the user names, at the step that the number of results since then says. Nothing
 * is remembered between requests, so that retries, resumed sessions and restarts change nothing. Null without a marker or when all steps are done.
 */
export function positionIn(conversation: Conversation, scripts: Scripts): Position | null {
  const { items } = conversation;
  const start = items.findLastIndex((item) => item.role === 'user' && item.text.match(MARKER) !== null);
  const name = [...(items[start]?.text ?? '').matchAll(MARKER)].at(-1)?.[1] ?? '';
  const steps = scripts[name];
  if (start < 0 || steps === undefined) return null;
  const results = items.slice(start).filter((item) => item.role === 'result');
  const step = steps[results.length];
  const last = steps[results.length - 1];
  if (step === undefined) return null;
  return { step, ...(last ? { before: { step: last, result: results.at(-1)?.text ?? '' } } : {}) };
}
