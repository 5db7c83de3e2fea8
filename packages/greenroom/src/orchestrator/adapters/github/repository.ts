/** A repository as GitHub names it. */
export interface RepositoryName {
  owner: string;
  name: string;
}

/** `owner/name`; undefined for anything else. */
export function parseFullName(text: string): RepositoryName | undefined {
  const [, owner, name] = /^([A-Za-z0-9][A-Za-z0-9-_]{0,99})\/([A-Za-z0-9._-]{1,100})$/.exec(text) ?? [];
  return owner === undefined || name === undefined || name === '.' || name === '..' ? undefined : { owner, name };
}

/** Host and repository of a git remote; undefined for folders, and for paths that are not GitHub's `owner/name`. */
export function parseRemoteUrl(remote: string): (RepositoryName & { host: string }) | undefined {
  const at = locate(remote);
  const name = at && parseFullName(at.path);
  return at && name ? { host: at.host, ...name } : undefined;
}

/** The repository's full name as its forge writes it into webhooks: `owner/name`, on GitLab perhaps `group/sub/name`. Empty for a folder. */
export function remoteFullName(remote: string): string {
  return locate(remote)?.path ?? '';
}

/** `https://…`, `ssh://…`, `git://…` and `user@host:path`. */
function locate(remote: string): { host: string; path: string } | undefined {
  const url = /^(?:https?|ssh|git|git\+ssh):\/\//i.test(remote) && URL.canParse(remote) ? new URL(remote) : undefined;
  const [, scpHost, scpPath] = (!url && /^(?:[^/\s@]+@)([^/\s:]+):(?!\/\/)(.+)$/.exec(remote)) || [];
  const host = url?.hostname ?? scpHost;
  const path = (url?.pathname ?? scpPath ?? '').replace(/^\/+|\/+$/g, '').replace(/\.git$/i, '');
  return host === undefined || path === '' ? undefined : { host: host.toLowerCase(), path };
}

/** Whether the API at `apiUrl` speaks for repositories on `host`: github.com, a `*.ghe.com` tenant, or a GitHub Enterprise Server. */
export function servesHost(apiUrl: string, host: string): boolean {
  const api = new URL(apiUrl).hostname.toLowerCase();
  // ssh.github.com is git over port 443.
  const plain = host.replace(/^(?:www|ssh)\./, '');
  return api === `api.${plain}` || api === host;
}
