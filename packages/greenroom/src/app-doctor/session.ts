import { type AppFinding, fine } from './finding.ts';
import type { Staged } from './stage.ts';
import { type Form, type Visit, type Visits, visit } from './traffic.ts';

const REMEDY =
  'Keep sessions where both instances find them (the database, Redis, a folder of "shared_paths"), or in a cookie that is signed with a secret of "secrets_inject", never with one made at the start.';

/** Whether the second instance knows a session that the first one began: by the cookies that a form, if one is given, or the first of the paths set. */
export async function checkSession(
  first: Staged,
  second: Staged,
  paths: readonly string[],
  signIn: Form | undefined,
  signal: AbortSignal,
): Promise<AppFinding> {
  const begun = new Map<string, string>();
  if (signIn) {
    const made = await visit(first, signIn.path, begun, signal, signIn.body);
    if (!made || made.status >= 400) {
      const says = `POST ${signIn.path} was answered ${made ? made.status : 'nothing'}, so no session could begin`;
      return { check: 'session', level: 'warn', says, remedy: 'Give --sign-in a form that the app takes: "PATH name=value&name=value".' };
    }
    for (const [name, value] of made.cookies) begun.set(name, value);
  }
  let sessions = 0;
  for (const path of paths) {
    const jar = new Map(begun);
    const stranger = await visit(first, path, new Map(), signal);
    if (jar.size === 0) for (const [name, value] of stranger?.cookies ?? []) jar.set(name, value);
    if (jar.size === 0 || !stranger) continue;
    sessions += 1;
    const known = [await visit(first, path, jar, signal), await visit(first, path, jar, signal)] as const;
    const moved = await visit(second, path, jar, signal);
    const there = await visit(second, path, new Map(), signal);
    if (!known[0] || !known[1] || !moved || !there) continue;
    const evidence = lost(jar, stranger, [known[0], known[1]], moved, there);
    if (evidence === '') continue;
    const says = `a session begun in one instance is unknown to the other: each swap signs its users out`;
    return {
      check: 'session',
      level: 'fail',
      says,
      evidence: [`GET ${path} with the cookie ${[...jar.keys()].join(', ')}: ${evidence}`],
      remedy: REMEDY,
    };
  }
  const hint = 'no path that was asked sets a cookie; --sign-in "PATH name=value" begins a session';
  return fine('session', sessions === 0 ? hint : 'a session begun in one instance is known to the other');
}

/** How the answer shows that the session was lost; empty when it does not. What the first instance does itself with a session it knows is no sign. */
function lost(jar: ReadonlyMap<string, string>, stranger: Visit, known: readonly [Visit, Visit], moved: Visit, there: Visit): string {
  const renewed = (it: Visit): string[] =>
    [...it.cookies].flatMap(([name, value]) => (jar.has(name) && jar.get(name) !== value ? [name] : []));
  const always = new Set(known.flatMap(renewed));
  const [replaced] = renewed(moved).filter((name) => !always.has(name));
  if (replaced !== undefined) return `the first instance keeps "${replaced}", the second one gives another`;
  const [one, again] = known;
  if (one.status === again.status && moved.status !== one.status)
    return `the first instance answers ${one.status}, the second one ${moved.status}`;
  const steady = one.body === again.body && one.body !== stranger.body;
  return steady && moved.body === there.body && moved.body !== one.body ? 'the second instance answers as it does to a stranger' : '';
}

/** Whether an answer changes with the requests that this very process has seen. `later` are the visits of an instance that was asked afterwards. */
export function checkMemory(earlier: readonly Visits[], later: readonly Visits[]): AppFinding {
  for (const { path, visits } of earlier) {
    const [start, end] = [visits[0], visits.at(-1)];
    const anew = later.find((it) => it.path === path)?.visits[0];
    if (!start || !end || !anew || start.body === end.body || anew.body !== start.body) continue;
    return {
      check: 'memory',
      level: 'warn',
      says: 'an answer depends on what this one process has seen before: it begins anew with each swap',
      evidence: [
        `GET ${path}: ${brief(start.body)}, after ${visits.length - 1} more ${brief(end.body)}; the other instance, asked later, ${brief(anew.body)}`,
      ],
      remedy: 'Keep counters, queues and caches that matter outside the process: in the database, Redis, or a folder of "shared_paths".',
    };
  }
  return fine('memory', 'no answer depended on what one process had seen before');
}

function brief(body: string): string {
  const line = body.replace(/\s+/g, ' ').trim();
  return JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}…` : line);
}
