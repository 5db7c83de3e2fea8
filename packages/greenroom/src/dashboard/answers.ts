import type { DashboardRefusal } from '@greenroom/sdk/dashboard';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { z } from 'zod';

const STATUS: Record<DashboardRefusal['code'], ContentfulStatusCode> = {
  unauthorized: 401,
  forbidden: 403,
  invalid_request: 400,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  unavailable: 503,
  internal_error: 500,
};

export function refuse(c: Context, code: DashboardRefusal['code'], error: string): Response {
  const refusal: DashboardRefusal = { code, error };
  return c.json(refusal, STATUS[code]);
}

/** The request's body as its schema says; an empty one counts as `{}`. A sentence when it is not. */
export async function readBody<S extends z.ZodType>(
  c: Context,
  schema: S,
): Promise<{ ok: true; body: z.output<S> } | { ok: false; error: string }> {
  const text = await c.req.text();
  let value: unknown;
  try {
    value = text === '' ? {} : JSON.parse(text);
  } catch (error) {
    return { ok: false, error: `The body is not JSON: ${(error as Error).message}.` };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, body: parsed.data };
  const sentences = parsed.error.issues.map(({ path, message }) => `${path.length > 0 ? `"${path.join('.')}": ` : ''}${message}`);
  return { ok: false, error: `${sentences.join('; ')}.` };
}
