import type { ChatPosted } from '@greenroom/sdk/chat';
import type { Hono } from 'hono';
import { z } from 'zod';
import type { Transcript, Turn } from '../transcript.ts';
import { answerRefusal, type ChatEnv, type Refused, readBody, refused } from './answers.ts';

/** Questions of the agent are looked for among so many of the newest events: it waits for the answer, so little comes after. */
const ASKED_WITHIN_EVENTS = 500;
const CONTINUE = 'Continue where you were interrupted.';

export interface TurnCalls {
  transcript: Transcript;
  mayPost(user: string): Refused | null;
  startRunner(): void;
}

const answer = z.object({ option: z.string().min(1).max(200) });

/** The calls about what the agent does: cancel and continue a turn, answer what it asks. */
export function addTurnCalls(api: Hono<ChatEnv>, { transcript, mayPost, startRunner }: TurnCalls): void {
  api.post('/api/turns/:id/cancel', (c) => {
    const turn = transcript.turn(c.req.param('id'));
    if (!turn) return answerRefusal(c, NO_TURN);
    if (turn.status !== 'queued' && turn.status !== 'running') return answerRefusal(c, overAlready(turn));
    const { name } = c.get('caller').user;
    if (!transcript.withdraw(turn.id, `Withdrawn by ${name}.`)) transcript.request(turn.id, { kind: 'cancel', by: name });
    return c.json({}, 202);
  });

  api.post('/api/turns/:id/continue', (c) => {
    const turn = transcript.turn(c.req.param('id'));
    if (!turn) return answerRefusal(c, NO_TURN);
    if (turn.status !== 'interrupted' && turn.status !== 'limited') return answerRefusal(c, nothingToContinue(turn));
    const { user } = c.get('caller');
    const id = `continue-${turn.id}`;
    const known = transcript.posted(turn.conversation, id);
    const limited = known ? null : mayPost(user.id);
    if (limited) return answerRefusal(c, limited);
    const posted = known ?? transcript.post({ conversation: turn.conversation, id, text: CONTINUE, user });
    startRunner();
    return c.json({ turn: posted.turn, seq: posted.seq } satisfies ChatPosted, 202);
  });

  api.post('/api/permissions/:request', async (c) => {
    const read = await readBody(c, answer);
    if (!read.ok) return answerRefusal(c, read);
    const request = c.req.param('request');
    const turn = transcript.running();
    const asked = turn && questionOf(transcript, turn, request);
    if (!turn || asked?.status !== 'asked') {
      return answerRefusal(
        c,
        refused(asked ? 409 : 404, asked ? 'conflict' : 'not_found', 'The agent does not wait for this answer any more.'),
      );
    }
    const { option } = read.body;
    if (!asked.options.some((it) => it.id === option)) {
      const options = asked.options.map((it) => JSON.stringify(it.id)).join(', ');
      return answerRefusal(c, refused(400, 'invalid_request', `"option" must be one of ${options}.`));
    }
    transcript.request(turn.id, { kind: 'permission', request, option, by: c.get('caller').user.name });
    return c.json({}, 202);
  });
}

const NO_TURN = refused(404, 'not_found', 'There is no such turn: its conversation was deleted, or it never was.');

function questionOf(transcript: Transcript, turn: Turn, request: string) {
  const { events } = transcript.page(turn.conversation, { limit: ASKED_WITHIN_EVENTS });
  return events.findLast((it) => it.kind === 'permission' && it.request === request && it.turn === turn.id) as
    | Extract<(typeof events)[number], { kind: 'permission' }>
    | undefined;
}

function overAlready({ status }: Turn): Refused {
  return refused(409, 'conflict', `There is nothing to cancel: the turn is over (${status}).`);
}

function nothingToContinue({ status }: Turn): Refused {
  const why = status === 'queued' || status === 'running' ? 'it is not over' : `it was not interrupted (${status})`;
  return refused(409, 'conflict', `The turn cannot be continued: ${why}.`);
}
