import { randomBytes } from 'node:crypto';
import type { RequestPermissionRequest, RequestPermissionResponse } from '@agentclientprotocol/sdk';
import type { PermissionOption } from '@greenroom/sdk/chat';
import type { AgentSettings } from '../settings.ts';
import { oneLine } from './text.ts';
import type { ToolMapper } from './tool.ts';
import type { Writer } from './writer.ts';

export interface Permissions {
  /** Answers the agent. `withdrawn` is aborted when the agent takes its question back. */
  ask(request: RequestPermissionRequest, withdrawn: AbortSignal): Promise<RequestPermissionResponse>;
  /** A person's answer; of no effect unless the request waits and has the option. */
  answer(request: string, option: string, by: string): void;
  /** Takes back every question that waits: nobody's answer matters any more. From now on nothing is allowed. */
  close(): void;
}

const CANCELLED: RequestPermissionResponse = { outcome: { outcome: 'cancelled' } };
const MAX_OPTIONS = 20;
const TEXT_CHARACTERS = 200;

/** Questions of an agent whether it may do something, answered by the operator's policy or by whoever sits in the chat. */
export function createPermissions(options: { policy: AgentSettings['permissions']; writer: Writer; tools: ToolMapper }): Permissions {
  const { policy, writer, tools } = options;
  const waiting = new Map<string, { options: PermissionOption[]; answer: (chosen: { option: string; by: string } | null) => void }>();
  let closed = false;
  return {
    async ask({ toolCall, options: offered }, withdrawn) {
      if (closed || withdrawn.aborted) return CANCELLED;
      const shown = tools.map(toolCall);
      if (shown) writer.tool(shown);
      const request = `p${randomBytes(9).toString('hex')}`;
      const choices = offered
        .slice(0, MAX_OPTIONS)
        .map(({ optionId, name, kind }): PermissionOption => ({ id: optionId, name: oneLine(name, TEXT_CHARACTERS), kind }));
      const about = {
        kind: 'permission' as const,
        request,
        call: oneLine(toolCall.toolCallId, TEXT_CHARACTERS),
        title: oneLine(toolCall.title ?? '', TEXT_CHARACTERS),
        options: choices,
      };
      const chosen = policy === 'ask' ? await person() : byPolicy(policy, choices);
      if (!chosen) {
        writer.put({ ...about, status: 'withdrawn' }, { breaks: true });
        return CANCELLED;
      }
      writer.put({ ...about, status: 'answered', option: chosen.option, by: chosen.by }, { breaks: true });
      return { outcome: { outcome: 'selected', optionId: chosen.option } };

      async function person(): Promise<{ option: string; by: string } | null> {
        writer.put({ ...about, status: 'asked' }, { breaks: true });
        const { promise, resolve } = Promise.withResolvers<{ option: string; by: string } | null>();
        waiting.set(request, { options: choices, answer: resolve });
        withdrawn.addEventListener('abort', () => resolve(null), { once: true });
        return await promise.finally(() => waiting.delete(request));
      }
    },
    answer(request, option, by) {
      const question = waiting.get(request);
      if (question?.options.some(({ id }) => id === option)) question.answer({ option, by });
    },
    close() {
      closed = true;
      for (const { answer } of waiting.values()) answer(null);
    },
  };
}

/** The answer that reaches the least far; null when the agent offers none of that kind. */
function byPolicy(policy: 'allow' | 'deny', choices: readonly PermissionOption[]): { option: string; by: string } | null {
  const kinds = policy === 'allow' ? (['allow_once', 'allow_always'] as const) : (['reject_once', 'reject_always'] as const);
  for (const kind of kinds) {
    const choice = choices.find((candidate) => candidate.kind === kind);
    if (choice) return { option: choice.id, by: 'policy' };
  }
  return null;
}
