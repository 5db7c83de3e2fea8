import type { Refusal } from '@greenroom/sdk/wire';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { z } from 'zod';

export type ParsedBody<T> = { body: T } | { refusal: Pick<Refusal, 'code' | 'error'> };

/** A request's body, judged by its schema; an empty one counts as `{}`, whatever its content type says. */
export function parseBody<S extends z.ZodObject>(schema: S, text: string): ParsedBody<z.output<S>> {
  let value: unknown;
  try {
    value = text.trim() === '' ? {} : JSON.parse(text);
  } catch (error) {
    return { refusal: { code: 'invalid_request', error: `The body is not JSON: ${(error as Error).message}.` } };
  }
  const misspelled = misspelledField(value, Object.keys(schema.shape));
  if (misspelled) return { refusal: { code: 'invalid_request', error: misspelled } };
  const parsed = schema.safeParse(value);
  return parsed.success ? { body: parsed.data } : { refusal: invalid(parsed.error) };
}

/** `dryRun` for `dry_run` must not start a real deploy; other unknown fields are ignored. */
function misspelledField(value: unknown, known: string[]): string | null {
  const plain = (name: string): string => name.toLowerCase().replace(/[^a-z]/g, '');
  for (const name of Object.keys(typeof value === 'object' && value !== null ? value : {})) {
    const meant = known.find((it) => it !== name && plain(it) === plain(name));
    if (meant) return `There is no field "${name}"; did you mean "${meant}"?`;
  }
  return null;
}

export function invalid(error: z.ZodError): Pick<Refusal, 'code' | 'error'> {
  const sentences = error.issues.map((it) => `${it.path.length > 0 ? `"${it.path.join('.')}": ` : ''}${it.message}`);
  return { code: 'invalid_request', error: sentences.join('; ') };
}

export function refuse(c: Context, status: ContentfulStatusCode, refusal: Omit<Refusal, 'success'>): Response {
  return c.json({ success: false, ...refusal }, status);
}
