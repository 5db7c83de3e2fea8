import { readVariable } from './environment.ts';
import { remoteFullName } from './repository.ts';

export const DEFAULT_WEBHOOK_PORT = 9200;
/** Shorter ones can be guessed from one recorded delivery. */
const SHORTEST_SECRET = 16;

export interface WebhookSettings {
  secret: string;
  /** Port on 127.0.0.1. */
  port: number;
  /** Full name of the repository whose events count. */
  repository: string;
}

/** Null without a secret: then nothing listens. Of any forge, so the variables are Greenroom's own; `docs/guides/github.md` lists them. */
export async function readWebhookSettings(
  env: NodeJS.Dict<string>,
  remote: string,
): Promise<{ ok: true; settings: WebhookSettings | null } | { ok: false; sentences: string[] }> {
  const problems: string[] = [];
  const secret = await readVariable(env, 'GREENROOM_WEBHOOK_SECRET', problems);
  if (problems.length > 0) return { ok: false, sentences: problems };
  if (secret === '') return { ok: true, settings: null };
  if (secret.length < SHORTEST_SECRET) {
    problems.push(`GREENROOM_WEBHOOK_SECRET has to have at least ${SHORTEST_SECRET} characters. A good one: openssl rand -hex 32`);
  }
  const port = Number(env['GREENROOM_WEBHOOK_PORT'] || DEFAULT_WEBHOOK_PORT);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) problems.push('GREENROOM_WEBHOOK_PORT has to be a port from 1 to 65535.');
  const repository = env['GREENROOM_WEBHOOK_REPOSITORY']?.trim() || remoteFullName(remote);
  if (repository === '') {
    problems.push('The webhook has to know its repository: set GREENROOM_WEBHOOK_REPOSITORY to its full name, for example "acme/shop".');
  }
  return problems.length > 0 ? { ok: false, sentences: problems } : { ok: true, settings: { secret, port, repository } };
}
