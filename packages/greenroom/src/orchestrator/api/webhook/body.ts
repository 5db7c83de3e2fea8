import type { IncomingMessage } from 'node:http';

/** The whole body; null when it is larger than allowed, and then nothing more of it is read. Rejects when the sender goes away. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | null> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return null;
  const chunks: Buffer[] = [];
  let size = 0;
  // The stream stays usable when we stop early: the answer still has to go out.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export type Parsed = { ok: true; value: unknown } | { ok: false; status: 400 | 415; error: string };

/** Both content types that the forges offer: JSON, and a form whose field `payload` is JSON. */
export function parseBody(contentType: string | undefined, body: Buffer): Parsed {
  const type = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type === 'application/json') return parseJson(body.toString('utf8'));
  if (type !== 'application/x-www-form-urlencoded') {
    return { ok: false, status: 415, error: 'The content type has to be application/json or application/x-www-form-urlencoded.' };
  }
  const payload = new URLSearchParams(body.toString('utf8')).get('payload');
  return payload === null ? { ok: false, status: 400, error: 'The form has no field "payload".' } : parseJson(payload);
}

function parseJson(text: string): Parsed {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return { ok: false, status: 400, error: `The body is not JSON: ${(error as Error).message}.` };
  }
}
