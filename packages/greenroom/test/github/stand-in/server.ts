import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type CheckRun,
  type CommitStatus,
  checkRunBody,
  commitStatusBody,
  createdCommitStatusBody,
  type Deployment,
  deploymentBody,
  deploymentStatusBody,
  installationBody,
  type Pull,
  pullBody,
  repositoryOf,
} from './data.ts';
import { type Matched, matchOperation } from './schema.ts';

export const TOKEN = 'ghp_stand-in-token';
export const APP_ID = 4711;
export const INSTALLATION_ID = 99;

/** What goes wrong with a request instead of, or after, what it asks for. */
export type Fault =
  | { status: number; headers?: Record<string, string>; body?: object; text?: string }
  /** The connection is cut without an answer; with `after` once the request has taken effect. */
  | { cut: 'before' | 'after' }
  /** Never answers. */
  | { hang: true };

export interface Seen {
  operation: string;
  path: string;
  body: Record<string, unknown>;
  authorization: string;
}

/** GitHub as far as Greenroom uses it, for the repository acme/shop, in memory. */
export interface GitHubStandIn {
  url: string;
  /** Where requests or answers did not fit GitHub's description; must stay empty. */
  violations: string[];
  seen: Seen[];
  /** PEM of the app's private key. */
  privateKey: string;
  tokensIssued: number;
  /** Makes tokens that were issued for the app invalid. */
  revokeTokens(): void;
  /** Commits that were pushed. */
  commits: Set<string>;
  deployments: Deployment[];
  statuses: Map<string, CommitStatus[]>;
  checkRuns: Map<string, CheckRun[]>;
  pulls: Pull[];
  /** Branches that have nothing that their base has not. */
  emptyBranches: Set<string>;
  fault: (operation: string, count: number) => Fault | undefined;
  close(): Promise<void>;
}

export async function startGitHub(): Promise<GitHubStandIn> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const gitHub: GitHubStandIn = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    violations: [],
    seen: [],
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    tokensIssued: 0,
    revokeTokens: () => tokens.clear(),
    commits: new Set(),
    deployments: [],
    statuses: new Map(),
    checkRuns: new Map(),
    pulls: [],
    emptyBranches: new Set(),
    fault: () => undefined,
    close: () => stop(server),
  };
  const tokens = new Set<string>();
  const counts = new Map<string, number>();
  let nextId = 1;
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    serve(request, response).catch((error: unknown) => {
      gitHub.violations.push(`the stand-in broke: ${error instanceof Error ? error.stack : String(error)}`);
      response.destroy();
    });
  });
  return gitHub;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', gitHub.url);
    const text = await textOf(request);
    const body = text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>);
    // An Enterprise Server has the same API below a path.
    const matched = matchOperation(request.method ?? '', decodeURIComponent(pathname.replace(/^\/api\/v3(?=\/)/, '')));
    if (!matched) {
      gitHub.violations.push(`GitHub has no ${request.method} ${pathname}`);
      return send(response, undefined, 404, { message: 'Not Found' });
    }
    const { operationId } = matched;
    const authorization = request.headers.authorization ?? '';
    gitHub.seen.push({ operation: operationId, path: pathname, body: body ?? {}, authorization });
    gitHub.violations.push(...matched.requestProblems(searchParams, body));
    if (!/^greenroom\//.test(request.headers['user-agent'] ?? '')) gitHub.violations.push('no user agent');
    const count = (counts.get(operationId) ?? 0) + 1;
    counts.set(operationId, count);
    const fault = gitHub.fault(operationId, count);
    if (fault && 'hang' in fault) return;
    if (fault && 'status' in fault) {
      response.writeHead(fault.status, { 'content-type': fault.text ? 'text/html' : 'application/json', ...fault.headers });
      response.end(fault.text ?? JSON.stringify(fault.body ?? { message: 'a fault', documentation_url: '' }));
      return;
    }
    if (fault?.cut === 'before') return void response.destroy();
    const refused = refusedCredentials(operationId, authorization);
    const [status, answered] = refused ?? act(matched, searchParams, body ?? {});
    if (fault?.cut === 'after') return void response.destroy();
    send(response, matched, status, answered);
  }

  function send(response: ServerResponse, matched: Matched | undefined, status: number, body: unknown): void {
    if (matched) gitHub.violations.push(...matched.responseProblems(status, body));
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'x-ratelimit-remaining': '4999' });
    response.end(JSON.stringify(body));
  }

  function refusedCredentials(operation: string, authorization: string): [number, unknown] | undefined {
    const [, token = ''] = /^(?:token|bearer) (.+)$/i.exec(authorization) ?? [];
    const valid = operation.startsWith('apps/') ? isAppToken(token, publicKey) : token === TOKEN || tokens.has(token);
    return valid ? undefined : [401, { message: 'Bad credentials', documentation_url: 'https://docs.github.com/rest', status: '401' }];
  }

  function act({ operationId, parameters }: Matched, query: URLSearchParams, body: Record<string, unknown>): [number, unknown] {
    const text = (name: string): string => (typeof body[name] === 'string' ? body[name] : '');
    const { url } = gitHub;
    if (parameters['repo'] !== undefined && `${parameters['owner']}/${parameters['repo']}` !== 'acme/shop')
      return [404, message('Not Found')];
    switch (operationId) {
      case 'apps/get-repo-installation':
        return [200, installationBody(url, INSTALLATION_ID, APP_ID)];
      case 'apps/create-installation-access-token': {
        if (parameters['installation_id'] !== String(INSTALLATION_ID)) return [404, message('Not Found')];
        gitHub.tokensIssued += 1;
        const token = `ghs_${gitHub.tokensIssued}`;
        tokens.add(token);
        return [
          201,
          { token, expires_at: new Date(Date.now() + 3_600_000).toISOString(), permissions: {}, repository_selection: 'selected' },
        ];
      }
      case 'repos/list-deployments': {
        const wanted = (name: string, value: string): boolean => !query.has(name) || query.get(name) === value;
        const found = gitHub.deployments.filter((it) => wanted('sha', it.sha) && wanted('environment', it.environment));
        const limit = Number(query.get('per_page') ?? 30);
        return [
          200,
          found
            .toReversed()
            .slice(0, limit)
            .map((it) => deploymentBody(url, it)),
        ];
      }
      case 'repos/create-deployment': {
        const sha = text('ref');
        if (!gitHub.commits.has(sha)) return [422, message(`No ref found for: ${sha}`)];
        if (body['auto_merge'] !== false) return [202, { message: 'Auto-merged main into the commit on deployment.' }];
        const { payload, required_contexts } = body;
        if (!Array.isArray(required_contexts) || required_contexts.length > 0)
          return [409, message('Conflict: Commit status checks failed')];
        const made = { id: nextId++, sha, environment: text('environment'), payload, description: text('description'), statuses: [] };
        if (made.description.length > 140) return [422, message('description is too long (maximum is 140 characters)')];
        gitHub.deployments.push(made);
        return [201, deploymentBody(url, made)];
      }
      case 'repos/list-deployment-statuses':
      case 'repos/create-deployment-status': {
        const deployment = gitHub.deployments.find((it) => it.id === Number(parameters['deployment_id']));
        if (!deployment) return [404, message('Not Found')];
        if (operationId === 'repos/list-deployment-statuses') {
          return [200, deployment.statuses.toReversed().map((it) => deploymentStatusBody(url, deployment, it))];
        }
        const { environment } = deployment;
        const status = { id: nextId++, state: text('state'), description: text('description'), log_url: text('log_url'), environment };
        if (status.description.length > 140) return [422, message('description is too long (maximum is 140 characters)')];
        deployment.statuses.push(status);
        return [201, deploymentStatusBody(url, deployment, status)];
      }
      case 'repos/create-commit-status': {
        const sha = parameters['sha'] ?? '';
        if (!gitHub.commits.has(sha)) return [422, message(`No commit found for SHA: ${sha}`)];
        const made = {
          id: nextId++,
          state: text('state'),
          context: text('context'),
          description: text('description'),
          target_url: text('target_url') || null,
        };
        gitHub.statuses.set(sha, [...(gitHub.statuses.get(sha) ?? []), made]);
        return [201, createdCommitStatusBody(url, sha, made)];
      }
      case 'repos/get-combined-status-for-ref': {
        const sha = parameters['ref'] ?? '';
        if (!gitHub.commits.has(sha)) return [422, message(`No commit found for SHA: ${sha}`)];
        const latest = new Map((gitHub.statuses.get(sha) ?? []).map((it) => [it.context, it]));
        const statuses = [...latest.values()].map((it) => commitStatusBody(url, sha, it));
        const commit_url = `${url}/repos/acme/shop/commits/${sha}`;
        return [
          200,
          {
            state: 'pending',
            sha,
            total_count: statuses.length,
            statuses,
            repository: repositoryOf('acme/shop'),
            commit_url,
            url: `${commit_url}/status`,
          },
        ];
      }
      case 'checks/list-for-ref': {
        const sha = parameters['ref'] ?? '';
        if (!gitHub.commits.has(sha)) return [422, message(`No commit found for SHA: ${sha}`)];
        const runs = gitHub.checkRuns.get(sha) ?? [];
        const size = Number(query.get('per_page') ?? 30);
        const from = (Number(query.get('page') ?? 1) - 1) * size;
        return [
          200,
          {
            total_count: runs.length,
            check_runs: runs.slice(from, from + size).map((it, index) => checkRunBody(url, sha, from + index + 1, it)),
          },
        ];
      }
      case 'repos/list-pull-requests-associated-with-commit': {
        const sha = parameters['commit_sha'] ?? '';
        if (!gitHub.commits.has(sha)) return [422, message(`No commit found for SHA: ${sha}`)];
        return [200, gitHub.pulls.filter((it) => it.headSha === sha).map(pullBody)];
      }
      case 'pulls/list': {
        const head = query.get('head')?.split(':')[1];
        const found = gitHub.pulls.filter((it) => it.state === query.get('state') && it.head === head && it.base === query.get('base'));
        return [200, found.map(pullBody)];
      }
      case 'pulls/create': {
        const head = text('head');
        const base = text('base');
        if (gitHub.emptyBranches.has(head)) return [422, invalid(`No commits between ${base} and ${head}`)];
        if (gitHub.pulls.some((it) => it.state === 'open' && it.head === head && it.base === base)) {
          return [422, invalid(`A pull request already exists for acme:${head}.`)];
        }
        const made = openPull(nextId++, text('title'), text('body'), head, base);
        gitHub.pulls.push(made);
        return [201, pullBody(made)];
      }
      case 'pulls/update': {
        const pull = gitHub.pulls.find((it) => it.number === Number(parameters['pull_number']));
        if (!pull) return [404, message('Not Found')];
        if (typeof body['body'] === 'string') pull.body = body['body'];
        return [200, pullBody(pull)];
      }
      default:
        throw new Error(`the stand-in does not do ${operationId}`);
    }
  }
}

export function openPull(number: number, title: string, body: string | null, head: string, base: string): Pull {
  const rest = { headSha: 'f'.repeat(40), headRepository: 'acme/shop', state: 'open', mergeSha: null, merged: false } as const;
  return { number, title, body, head, base, ...rest };
}

function message(text: string): object {
  return { message: text, documentation_url: 'https://docs.github.com/rest', status: '422' };
}

function invalid(text: string): object {
  const errors = [{ resource: 'PullRequest', code: 'custom', message: text }];
  return { message: 'Validation Failed', errors, documentation_url: 'https://docs.github.com/rest' };
}

/** A signed token of the app, as GitHub wants it: RS256, not older than ten minutes. */
function isAppToken(token: string, publicKey: KeyObject): boolean {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const key = createPublicKey(publicKey.export({ type: 'spki', format: 'pem' }));
  if (!verify('RSA-SHA256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'))) return false;
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { iss: number | string; exp: number; iat: number };
  return String(claims.iss) === String(APP_ID) && claims.exp > Date.now() / 1000 && claims.exp - claims.iat <= 660;
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

async function stop(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  if (server.listening) await once(server, 'close');
}
