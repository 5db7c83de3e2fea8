import { createPrivateKey } from 'node:crypto';
import { readVariable } from './environment.ts';
import { parseFullName, parseRemoteUrl, type RepositoryName, servesHost } from './repository.ts';

export const DEFAULT_API_URL = 'https://api.github.com';
export const DEFAULT_ENVIRONMENT = 'production';

export type GitHubCredentials =
  | { type: 'token'; token: string }
  /** Without an installation id, the installation of the repository is looked up. */
  | { type: 'app'; appId: string; privateKey: string; installationId: number | undefined };

export interface GitHubSettings {
  /** Without a slash at the end. */
  apiUrl: string;
  repository: RepositoryName;
  credentials: GitHubCredentials;
  /** Name of the GitHub environment that deployments are shown under. */
  environment: string;
  /** Link of an attempt, with `{id}` where its id goes; empty for none. */
  logUrl: string;
  /** Whether the git remote itself is on this GitHub, so that the credentials may be used for fetch and push. */
  ownsRemote: boolean;
}

/** `settings` is null when nothing of GitHub is configured; `note` then says why, when there is something to say. */
export type SettingsRead = { ok: true; settings: GitHubSettings | null; note: string } | { ok: false; sentences: string[] };

/**
 * What the operator has set in the orchestrator's own environment; `docs/guides/github.md` lists it. Values of secrets are in no sentence.
 * A file that is named must be readable by its owner only.
 */
export async function readGitHubSettings(env: NodeJS.Dict<string>, remote: string): Promise<SettingsRead> {
  const problems: string[] = [];
  const get = (name: string): string => env[name]?.trim() ?? '';
  const token = await readVariable(env, 'GITHUB_TOKEN', problems);
  const appId = get('GITHUB_APP_ID');
  // One line with \n in it is what environment files can hold.
  const privateKey = (await readVariable(env, 'GITHUB_APP_PRIVATE_KEY', problems)).replaceAll('\\n', '\n');
  if (problems.length > 0) return { ok: false, sentences: problems };
  if (token === '' && appId === '' && privateKey === '') return { ok: true, settings: null, note: '' };

  const apiUrl = (get('GITHUB_API_URL') || DEFAULT_API_URL).replace(/\/+$/, '');
  if (!isSafeApi(apiUrl)) problems.push(`GITHUB_API_URL is ${JSON.stringify(apiUrl)}; it has to be an https:// URL.`);
  const installation = get('GITHUB_APP_INSTALLATION_ID');
  if (!/^\d*$/.test(installation)) problems.push('GITHUB_APP_INSTALLATION_ID has to be a number.');
  if (appId !== '' && privateKey === '') problems.push('GITHUB_APP_ID is set, but neither GITHUB_APP_PRIVATE_KEY_FILE nor …_KEY is.');
  if (appId === '' && privateKey !== '') problems.push('A GitHub App private key is set, but GITHUB_APP_ID is not.');
  if (appId !== '' && token !== '') problems.push('Both GITHUB_TOKEN and GITHUB_APP_ID are set: leave one of them out.');
  if (privateKey !== '' && !isPrivateKey(privateKey)) problems.push('The GitHub App private key is not a PEM file as GitHub hands it out.');
  const logUrl = get('GITHUB_LOG_URL');
  if (logUrl !== '' && !/^https?:\/\//.test(logUrl)) problems.push('GITHUB_LOG_URL has to be an http:// or https:// URL.');
  const named = get('GITHUB_REPOSITORY');
  if (named !== '' && !parseFullName(named)) problems.push(`GITHUB_REPOSITORY is ${JSON.stringify(named)}; it has to be "owner/name".`);
  if (problems.length > 0) return { ok: false, sentences: problems };

  const origin = parseRemoteUrl(remote);
  const ownsRemote = origin !== undefined && servesHost(apiUrl, origin.host);
  const repository = parseFullName(named) ?? (ownsRemote ? origin : undefined);
  if (!repository) {
    const note = `GitHub credentials are set, but the repository is not on ${new URL(apiUrl).hostname}: nothing is posted. Set GITHUB_API_URL or GITHUB_REPOSITORY if it should be.`;
    return { ok: true, settings: null, note };
  }
  const credentials: GitHubCredentials =
    token !== ''
      ? { type: 'token', token }
      : {
          type: 'app',
          appId,
          privateKey,
          installationId: installation === '' ? undefined : Number(installation),
        };
  const { owner, name } = repository;
  const environment = get('GITHUB_ENVIRONMENT') || DEFAULT_ENVIRONMENT;
  return { ok: true, settings: { apiUrl, repository: { owner, name }, credentials, environment, logUrl, ownsRemote }, note: '' };
}

/** Credentials never travel in the clear, except on this machine. */
function isSafeApi(apiUrl: string): boolean {
  if (!URL.canParse(apiUrl)) return false;
  const { protocol, hostname, search, hash } = new URL(apiUrl);
  if (search !== '' || hash !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname));
}

function isPrivateKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyType === 'rsa';
  } catch (error) {
    return !(error instanceof Error);
  }
}
