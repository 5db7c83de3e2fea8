import type { ChatCaller, ChatRefusal } from '@greenroom/sdk/chat';
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { z } from 'zod';
import { plain } from '../../plain.ts';

export interface ChatEnv {
  Bindings: HttpBindings;
  Variables: { caller: ChatCaller; byToken: boolean };
}
export type ChatContext = Context<ChatEnv>;

/** A call that is not done, with the status it is answered with. */
export interface Refused {
  ok: false;
  status: ContentfulStatusCode;
  refusal: ChatRefusal;
  /** With 429. */
  retryAfterSeconds?: number;
}

export function refused(status: ContentfulStatusCode, code: ChatRefusal['code'], error: string): Refused {
  return { ok: false, status, refusal: { code, error } };
}

export function tooMany(error: string, retryAfterSeconds: number): Refused {
  const again = `Try again in ${retryAfterSeconds} second${retryAfterSeconds === 1 ? '' : 's'}.`;
  return { ...refused(429, 'rate_limited', `${error} ${again}`), retryAfterSeconds };
}

export function answerRefusal(c: ChatContext, { status, refusal, retryAfterSeconds }: Refused): Response {
  if (retryAfterSeconds !== undefined) c.header('retry-after', String(retryAfterSeconds));
  return c.json(refusal, status);
}

/** The request's body as its schema says; an empty one counts as `{}`. */
export async function readBody<S extends z.ZodType>(c: ChatContext, schema: S): Promise<{ ok: true; body: z.output<S> } | Refused> {
  const text = await c.req.text();
  let value: unknown;
  try {
    value = text.trim() === '' ? {} : JSON.parse(text);
  } catch (error) {
    return refused(400, 'invalid_request', `The body is not JSON: ${(error as Error).message}.`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, body: parsed.data };
  const sentences = parsed.error.issues.map((it) => `${it.path.length > 0 ? `"${it.path.join('.')}": ` : ''}${it.message}`);
  return refused(400, 'invalid_request', `${sentences.join('; ')}.`);
}

/** Text for one line, from whoever. */
export const lineOf = (text: string): string => plain(text.toWellFormed().replaceAll(/\s/g, ' ')).trim();

const line = (most: number) =>
  z
    .string()
    .transform(lineOf)
    .refine((text) => text.length > 0 && text.length <= most, { error: `1 to ${most} characters of text` });

/** A caller, from the app's `authorize` or its endpoint. */
export const callerSchema = z.object({
  user: z.object({ id: line(200), name: line(200) }),
  approve: z.boolean().default(false),
});
