/** The dashboard's HTTP interface (`@greenroom/sdk/dashboard`) as functions. */
import type { DashboardLogin, DashboardRefusal } from '@greenroom/sdk/dashboard';
import type { AttemptDiff, AttemptView } from '@greenroom/sdk/wire';
import { type Answer as Answered, answered, CALL_TIMEOUT_MS } from '../answer.ts';

export type Answer<T> = Answered<T, DashboardRefusal>;
export type Who = Omit<DashboardLogin, 'key'>;
/** What a person does to an app, with its body. */
export type Change =
  | { name: 'deploy'; body: ({ branch: string } | { commit: string }) & { reason: string } }
  | { name: 'rollback'; body: { to: string; reason: string } }
  | { name: 'approve'; body: { id: string } }
  | { name: 'deny'; body: { id: string; reason: string } }
  | { name: 'freeze'; body: { scope: 'agent' | 'all'; reason: string } }
  | { name: 'thaw'; body: { reason: string } };

export interface DashboardApi {
  /** Whether this browser was let in at some time; whether it still is, the first call tells. */
  hasKey(): boolean;
  login(token: string): Promise<Answer<Who>>;
  logout(): Promise<Answer<unknown>>;
  session(): Promise<Answer<Who>>;
  stream(lastEventId: string, signal: AbortSignal): Promise<Answer<ReadableStream<Uint8Array>>>;
  deploys(app: string): Promise<Answer<AttemptView[]>>;
  attempt(app: string, id: string): Promise<Answer<AttemptView>>;
  diff(app: string, id: string): Promise<Answer<AttemptDiff>>;
  logs(app: string, instance: string, signal: AbortSignal): Promise<Answer<ReadableStream<Uint8Array>>>;
  change(app: string, change: Change): Promise<Answer<{ id?: string }>>;
}

const SERVICE = 'The dashboard';
const KEY_HEADER = 'x-greenroom-key';
/** Of this origin alone, its port included: the cookie is not. */
const KEY_ITEM = 'greenroom-dashboard-key';

export function createDashboardApi(): DashboardApi {
  const part = encodeURIComponent;
  const key = (): string => localStorage.getItem(KEY_ITEM) ?? '';

  const call = <T>(method: 'GET' | 'POST', path: string, body: object = {}): Promise<Answer<T>> =>
    answered(
      SERVICE,
      () =>
        fetch(`/api${path}`, {
          method,
          headers: {
            accept: 'application/json',
            [KEY_HEADER]: key(),
            ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
          },
          credentials: 'same-origin',
          signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
          ...(method === 'POST' ? { body: JSON.stringify(body) } : {}),
        }),
      async (response) => (await response.json()) as T,
    );

  const open = (path: string, lastEventId: string, signal: AbortSignal): Promise<Answer<ReadableStream<Uint8Array>>> =>
    answered(
      SERVICE,
      () =>
        fetch(`/api${path}`, {
          headers: { accept: 'text/event-stream', [KEY_HEADER]: key(), ...(lastEventId ? { 'last-event-id': lastEventId } : {}) },
          cache: 'no-store',
          credentials: 'same-origin',
          signal,
        }),
      async (response) => response.body ?? new ReadableStream<Uint8Array>(),
    );

  return {
    hasKey: () => key() !== '',
    async login(token) {
      const answer = await call<DashboardLogin>('POST', '/login', { token });
      if (answer.ok) localStorage.setItem(KEY_ITEM, answer.value.key);
      return answer;
    },
    async logout() {
      const answer = await call('POST', '/logout');
      localStorage.removeItem(KEY_ITEM);
      return answer;
    },
    session: () => call('GET', '/session'),
    stream: (lastEventId, signal) => open('/stream', lastEventId, signal),
    deploys: (app) => call('GET', `/apps/${part(app)}/deploys?limit=100`),
    attempt: (app, id) => call('GET', `/apps/${part(app)}/deploys/${part(id)}`),
    diff: (app, id) => call('GET', `/apps/${part(app)}/deploys/${part(id)}/diff`),
    logs: (app, instance, signal) => open(`/apps/${part(app)}/logs?instance=${part(instance)}`, '', signal),
    change: (app, { name, body }) => call('POST', `/apps/${part(app)}/${name}`, body),
  };
}
