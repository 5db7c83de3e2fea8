import type { Octokit } from '@octokit/core';
import { type Answer, abortedProblem, type GitHubProblem, problemOf } from './problem.ts';
import type { GitHubSettings } from './settings.ts';

/** One call with all its waiting, the spacing of writes included. */
export const DEFAULT_CALL_TIMEOUT_MS = 30_000;
const READ_RETRIES = 1;
/** Repeating these would not help, or is for the outbox to do, which can wait longer. */
const NOT_REPEATED = [400, 401, 403, 404, 409, 410, 422, 429, 451];

export type Request = Octokit['request'];

type Call<T> = (request: Request, octokit: Octokit) => Promise<T>;

export interface ClientOptions {
  settings: GitHubSettings;
  userAgent: string;
  log(message: string): void;
  timeoutMs?: number;
  /** Space writes out and repeat reads, as GitHub asks of its clients. Off in tests. */
  paced?: boolean;
  now?(): number;
}

export interface GitHubClient {
  /** A call that changes nothing; repeated once when GitHub stumbles. */
  read<T>(call: (request: Request) => Promise<T>, signal?: AbortSignal): Promise<Answer<T>>;
  /** A call that changes something; never repeated here, because it may have worked. */
  write<T>(call: (request: Request) => Promise<T>, signal?: AbortSignal): Promise<Answer<T>>;
  /** A token that works now: the operator's, or one of the app's that lasts for minutes at least. */
  token(signal?: AbortSignal): Promise<Answer<string>>;
  /** What the last call failed with; empty when it worked, or when only what it asked for was wrong. */
  problem(): string;
}

/** Talks to GitHub as token or app. The library is loaded with the first call: an app without GitHub does not pay for it. */
export function createClient(options: ClientOptions): GitHubClient {
  const { settings, log, timeoutMs = DEFAULT_CALL_TIMEOUT_MS, now = Date.now } = options;
  let loaded: Promise<Octokit> | undefined;
  let last: GitHubProblem | undefined;
  let blockedUntil = 0;

  return {
    read: (call, signal) => run(call, READ_RETRIES, signal),
    write: (call, signal) => run(call, 0, signal),
    token: async (signal) => {
      if (settings.credentials.type === 'token') return { ok: true, value: settings.credentials.token };
      return run(async (_, octokit) => ((await octokit.auth({ type: 'installation' })) as { token: string }).token, READ_RETRIES, signal);
    },
    problem: () => last?.error ?? '',
  };

  async function run<T>(call: Call<T>, retries: number, signal?: AbortSignal): Promise<Answer<T>> {
    if (signal?.aborted) return { ok: false, problem: abortedProblem() };
    if (last && now() < blockedUntil) return { ok: false, problem: { ...last, retryAfterMs: blockedUntil - now() } };
    // A token that was revoked, or an app's token that ended early, is worth one new one.
    const first = await attempt(call, retries, signal);
    const stale = !first.ok && first.problem.kind === 'unauthorized' && settings.credentials.type === 'app' && loaded !== undefined;
    if (stale) loaded = undefined;
    const answer = stale ? await attempt(call, retries, signal) : first;
    remember(answer.ok ? undefined : answer.problem);
    return answer;
  }

  async function attempt<T>(call: Call<T>, retries: number, signal?: AbortSignal): Promise<Answer<T>> {
    const deadline = AbortSignal.timeout(timeoutMs);
    const ended = signal ? AbortSignal.any([signal, deadline]) : deadline;
    try {
      const work = connect(ended).then((octokit) => call(octokit.request.defaults({ request: { signal: ended, retries } }), octokit));
      return { ok: true, value: await orAbort(work, ended) };
    } catch (error) {
      if (signal?.aborted) return { ok: false, problem: abortedProblem() };
      if (deadline.aborted) return { ok: false, problem: problemOf(new Error(`no answer within ${timeoutMs / 1000} s`), now()) };
      return { ok: false, problem: problemOf(error, now()) };
    }
  }

  function connect(signal: AbortSignal): Promise<Octokit> {
    if (!loaded) {
      const connecting = createOctokit(options, signal);
      loaded = connecting;
      connecting.catch(() => {
        if (loaded === connecting) loaded = undefined;
      });
    }
    return loaded;
  }

  /** Says each kind of trouble once, and its end. */
  function remember(problem: GitHubProblem | undefined): void {
    if (problem?.kind === 'aborted') return;
    // GitHub works then; whoever asked for the wrong thing says so.
    const trouble = problem?.kind === 'invalid' ? undefined : problem;
    if (trouble && trouble.kind !== last?.kind) log(trouble.error);
    if (!trouble && last) log('GitHub answers again.');
    if (trouble?.kind === 'rate_limited') blockedUntil = now() + trouble.retryAfterMs;
    last = trouble;
  }
}

async function createOctokit(options: ClientOptions, signal: AbortSignal): Promise<Octokit> {
  const { settings, userAgent, log, paced = true } = options;
  const { apiUrl, credentials } = settings;
  const [{ Octokit: Base }, { throttling }, { retry }] = await Promise.all([
    import('@octokit/core'),
    import('@octokit/plugin-throttling'),
    import('@octokit/plugin-retry'),
  ]);
  const bounded = (given: AbortSignal | null | undefined): AbortSignal => {
    const timeout = AbortSignal.timeout(options.timeoutMs ?? DEFAULT_CALL_TIMEOUT_MS);
    return given ? AbortSignal.any([given, timeout]) : timeout;
  };
  const quiet = (): undefined => undefined;
  const common = {
    baseUrl: apiUrl,
    userAgent,
    log: { debug: quiet, info: quiet, warn: (text: string) => log(`GitHub: ${text}`), error: quiet },
    // Also for the library's own requests, for tokens, which know no signal.
    request: { fetch: (url: string | URL, init?: RequestInit) => fetch(url, { ...init, signal: bounded(init?.signal) }) },
    // Never wait for a limit inside a call: the outbox can wait for it without holding anything up.
    throttle: { enabled: paced, onRateLimit: () => false, onSecondaryRateLimit: () => false },
    retry: { enabled: paced, doNotRetry: NOT_REPEATED },
  };
  const Paced = Base.plugin(throttling, retry);
  if (credentials.type === 'token') return new Paced({ ...common, auth: credentials.token });
  const { createAppAuth } = await import('@octokit/auth-app');
  const { appId, privateKey } = credentials;
  const auth = { appId, privateKey };
  const installationId =
    credentials.installationId ?? (await findInstallation(new Paced({ ...common, authStrategy: createAppAuth, auth })));
  return new Paced({ ...common, authStrategy: createAppAuth, auth: { ...auth, installationId } });

  async function findInstallation(app: Octokit): Promise<number> {
    const { owner, name: repo } = settings.repository;
    const found = await app.request('GET /repos/{owner}/{repo}/installation', { owner, repo, request: { signal } });
    return found.data.id;
  }
}

/** Waiting in the library's queues does not see the signal; this does. */
function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
