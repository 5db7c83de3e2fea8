/** Calls of a service of ours: a refusal is a value, and so is a network that does not answer. */

/** What every refusal has. */
export interface Refusal {
  code: string;
  error: string;
}

/** `status` is 0 when no answer came. */
export type Answer<T, R extends Refusal = Refusal> = { ok: true; value: T } | { ok: false; status: number; refusal: R };

/** No call may hang for ever on a connection that died without a word. */
export const CALL_TIMEOUT_MS = 20_000;

/** `service` names it, for people: "The chat service". */
export async function answered<T, R extends Refusal>(
  service: string,
  ask: () => Promise<Response>,
  read: (response: Response) => Promise<T>,
): Promise<Answer<T, R>> {
  try {
    const response = await ask();
    if (response.ok) return { ok: true, value: await read(response) };
    return { ok: false, status: response.status, refusal: (await refusalOf(service, response)) as R };
  } catch (error) {
    // fetch throws for every kind of broken connection, and JSON for an answer that was cut off.
    const unreachable = `${service} does not answer. Check the connection; it is tried again.`;
    const refusal: Refusal = {
      code: 'unavailable',
      error: error instanceof SyntaxError ? `${unreachable} (unreadable answer)` : unreachable,
    };
    return { ok: false, status: 0, refusal: refusal as R };
  }
}

async function refusalOf(service: string, response: Response): Promise<Refusal> {
  const body: unknown = await response.json().catch(() => null);
  if (typeof body === 'object' && body !== null && 'error' in body && typeof body.error === 'string') return body as Refusal;
  return { code: 'internal_error', error: `${service} answered with status ${response.status}.` };
}

/** Whether the same call may succeed later without anybody doing anything. */
export function isTemporary(answer: { status: number }): boolean {
  return answer.status === 0 || answer.status === 429 || answer.status >= 500;
}
