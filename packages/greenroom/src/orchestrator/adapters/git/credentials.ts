import type { GitOptions } from './git.ts';

interface GitCredentials {
  username: string;
  token: string;
}

/** Asked before each fetch and push, so that tokens which expire can be renewed. Undefined: no credentials. */
export type CredentialSource = () => Promise<GitCredentials | undefined>;

/** What GitHub expects as the user name beside a token; other forges accept any. */
const DEFAULT_USERNAME = 'x-access-token';

/** Names variables only: the values are in the environment of that one git process and of what it starts. */
const HELPER = `!f() { test "$1" = get || exit 0; printf 'username=%s\\npassword=%s\\n' "$GREENROOM_GIT_USERNAME" "$GREENROOM_GIT_PASSWORD"; }; f`;

/**
 * Credentials from the orchestrator's environment: `GREENROOM_GIT_TOKEN` (with `GREENROOM_GIT_USER`, if the remote wants a name) for any
 * remote; `GITHUB_TOKEN` for github.com and for the host of `GITHUB_API_URL` alone.
 */
export function environmentCredentials(location: string, env: NodeJS.ProcessEnv = process.env): CredentialSource {
  return async () => {
    const username = env['GREENROOM_GIT_USER'] || DEFAULT_USERNAME;
    if (env['GREENROOM_GIT_TOKEN']) return { username, token: env['GREENROOM_GIT_TOKEN'] };
    const host = parse(location)?.hostname ?? '';
    const github = ['github.com', parse(env['GITHUB_API_URL'] ?? '')?.hostname];
    return env['GITHUB_TOKEN'] && github.includes(host) ? { username, token: env['GITHUB_TOKEN'] } : undefined;
  };
}

/**
 * Lets git sign in at the remote's own host and nowhere else (a redirect gets nothing), over https or to this machine. The token is in no
 * command line and no configuration file. Empty for other protocols: ssh has keys of its own.
 */
export async function credentialOptions(location: string, source: CredentialSource): Promise<GitOptions> {
  const url = parse(location);
  // A URL that carries a password already says who to be.
  if (url === undefined || url.password !== '' || !isPrivate(url)) return {};
  const credentials = await source();
  if (credentials === undefined) return {};
  return {
    env: { GREENROOM_GIT_USERNAME: credentials.username, GREENROOM_GIT_PASSWORD: credentials.token },
    config: [`credential.${url.origin}.helper=${HELPER}`],
  };
}

function parse(location: string): URL | undefined {
  return URL.canParse(location) ? new URL(location) : undefined;
}

/** Whether nobody on the way can read what is sent. */
function isPrivate(url: URL): boolean {
  if (url.protocol === 'https:') return true;
  return (
    url.protocol === 'http:' && (url.hostname === 'localhost' || url.hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(url.hostname))
  );
}
