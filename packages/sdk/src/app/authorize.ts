import type { ChatCaller, ChatRefusal } from '../chat.ts';

/** What `authorize` answers for somebody who may chat; a `ChatCaller` is one. */
export interface Authorized {
  user: {
    /** Stable; decides whose limits count. */
    id: string | number;
    /** For people; the id without. */
    name?: string | null | undefined;
  };
  /** May approve deploys, deny them and roll back; false when left out. */
  approve?: boolean | undefined;
}

/** Says who sent a request, and null when that is nobody who may chat. What it throws refuses the request too. */
export type Authorize<Context> = (
  request: Context,
) => Authorized | null | undefined | false | Promise<Authorized | null | undefined | false>;

/** A refusal as it is answered. */
export interface Refused {
  status: number;
  refusal: ChatRefusal;
  retryAfterS?: number;
}

export type Verdict = { caller: ChatCaller; refused?: never } | { caller?: never; refused: Refused };

/** Somebody may look up a session meanwhile, but nobody waits for an answer for ever. */
const AUTHORIZE_LIMIT_MS = 10_000;
const ID_LENGTH = 200;
const NAME_LENGTH = 200;

/** Asks `authorize`; whatever does not clearly say who it is, refuses. `report` is told of what the app has to repair. */
export async function judge<Context>(authorize: Authorize<Context>, request: Context, report: (error: unknown) => void): Promise<Verdict> {
  let answer: Awaited<ReturnType<Authorize<Context>>>;
  const limit = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => limit.reject(new Error(`authorize did not answer within ${AUTHORIZE_LIMIT_MS / 1_000} seconds.`)),
    AUTHORIZE_LIMIT_MS,
  );
  try {
    answer = await Promise.race([authorize(request), limit.promise]);
  } catch (error) {
    report(error);
    return failed();
  } finally {
    clearTimeout(timer);
  }
  if (!answer) {
    return { refused: refused(401, 'unauthorized', 'Log in to the app to use the chat, with an account that may.') };
  }
  const caller = callerOf(answer);
  if (caller) return { caller };
  report(
    new TypeError('authorize must answer { user: { id, name }, approve } or null; the id is a text of 1 to 200 characters, or a number.'),
  );
  return failed();
}

export function refused(status: number, code: ChatRefusal['code'], error: string, retryAfterS?: number): Refused {
  return { status, refusal: { code, error }, ...(retryAfterS !== undefined && { retryAfterS }) };
}

/** Throws when there is no `authorize`: without one nobody could say who may change the app. */
export function requireAuthorize(name: string, authorize: unknown): void {
  if (typeof authorize === 'function') return;
  throw new TypeError(
    `${name} needs authorize: a function that answers { user: { id, name }, approve } for a request of somebody who may chat, and null for others. Whoever may chat can change the app.`,
  );
}

function failed(): Verdict {
  return { refused: refused(503, 'unavailable', 'The app could not tell whether you may chat. Its log says why; try again later.', 5) };
}

function callerOf(answer: Authorized): ChatCaller | null {
  const { user, approve } = answer as Partial<Authorized>;
  if (typeof user !== 'object' || user === null) return null;
  const id = typeof user.id === 'number' && Number.isFinite(user.id) ? String(user.id) : user.id;
  if (typeof id !== 'string' || id === '' || id.length > ID_LENGTH) return null;
  const name = typeof user.name === 'string' && user.name ? user.name : id;
  return { user: { id, name: name.slice(0, NAME_LENGTH) }, approve: approve === true };
}
