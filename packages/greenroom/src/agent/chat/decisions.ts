import type { GreenroomClient } from '@greenroom/sdk/client';
import { GreenroomAnswerError, GreenroomUnreachable } from '@greenroom/sdk/client';
import type { Refusal } from '@greenroom/sdk/wire';
import type { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { z } from 'zod';
import type { Transcript } from '../transcript.ts';
import { answerRefusal, type ChatContext, type ChatEnv, lineOf, type Refused, readBody, refused } from './answers.ts';
import { NO_CONVERSATION } from './conversations.ts';

const MAX_REASON_CHARACTERS = 500;

export interface DecisionCalls {
  client: Pick<GreenroomClient, 'approve' | 'deny' | 'rollback'>;
  transcript: Pick<Transcript, 'conversation'>;
}

const reason = z
  .string()
  .transform(lineOf)
  .refine((text) => text.length <= MAX_REASON_CHARACTERS, { error: `at most ${MAX_REASON_CHARACTERS} characters` })
  .default('');
const denial = z.object({ reason });
const rollback = z.object({ conversation: z.string(), reason });

/** The calls that only those may make who `can_approve`; each goes to the orchestrator, which decides. */
export function addDecisionCalls(api: Hono<ChatEnv>, { client, transcript }: DecisionCalls): void {
  api.post('/api/attempts/:id/approve', async (c) => {
    if (!c.get('caller').approve) return answerRefusal(c, mayNot('approve deploys'));
    const body = { id: c.req.param('id'), by: c.get('caller').user.name };
    return await ask(c, () => client.approve(body));
  });

  api.post('/api/attempts/:id/deny', async (c) => {
    if (!c.get('caller').approve) return answerRefusal(c, mayNot('deny deploys'));
    const read = await readBody(c, denial);
    if (!read.ok) return answerRefusal(c, read);
    const because = read.body.reason === '' ? {} : { reason: read.body.reason };
    const body = { id: c.req.param('id'), by: c.get('caller').user.name, ...because };
    return await ask(c, () => client.deny(body));
  });

  api.post('/api/rollback', async (c) => {
    if (!c.get('caller').approve) return answerRefusal(c, mayNot('roll back'));
    const read = await readBody(c, rollback);
    if (!read.ok) return answerRefusal(c, read);
    const { conversation, reason: why } = read.body;
    if (!transcript.conversation(conversation)) return answerRefusal(c, NO_CONVERSATION);
    const by = `by ${c.get('caller').user.name} in the chat`;
    const origin = { conversation, turn: '' };
    return await ask(
      c,
      () => client.rollback({ reason: why === '' ? by : `${why} (${by})`, trigger: 'manual', origin }, { async: true }),
      (answer) => ('id' in answer ? { id: answer.id } : {}),
    );
  });
}

function mayNot(what: string): Refused {
  return refused(403, 'forbidden', `You may chat here, but not ${what}: somebody who may has to do it.`);
}

/** 202 when the orchestrator takes it; its refusal in its own words otherwise. */
async function ask<T extends { success: true }>(
  c: ChatContext,
  call: () => Promise<T | Refusal>,
  tell: (answer: T) => object = () => ({}),
): Promise<Response> {
  try {
    const answer = await call();
    return answer.success ? c.json(tell(answer), 202) : answerRefusal(c, refusalOf(answer));
  } catch (error) {
    if (error instanceof GreenroomUnreachable || error instanceof GreenroomAnswerError) {
      return answerRefusal(c, refused(503, 'unavailable', error.message));
    }
    throw error;
  }
}

function refusalOf({ code, error }: Refusal): Refused {
  const known: Partial<Record<Refusal['code'], [ContentfulStatusCode, Refused['refusal']['code']]>> = {
    not_found: [404, 'not_found'],
    invalid_request: [400, 'invalid_request'],
    forbidden: [403, 'forbidden'],
    internal_error: [503, 'unavailable'],
    journal_unwritable: [503, 'unavailable'],
    shutting_down: [503, 'unavailable'],
  };
  const [status, its] = known[code] ?? [409, 'conflict'];
  return refused(status, its, error);
}
