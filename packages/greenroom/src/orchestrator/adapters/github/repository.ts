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

/** Host and repository of a git remote: `https://…`, `ssh://…`, `git://…` and `user@host:path`. Undefined for folders and deeper paths. */
export function parseRemoteUrl(remote: string): (RepositoryName & { host: string }) | undefined {
  const url = /^(?:https?|ssh|git|git\+ssh):\/\//i.test(remote) && URL.canParse(remote) ? new URL(remote) : undefined;
  const [, scpHost, scpPath] = (!url && /^(?:[^/\s@]+@)([^/\s:]+):(?!\/\/)(.+)$/.exec(remote)) || [];
  const host = url?.hostname ?? scpHost;
  const path = (url?.pathname ?? scpPath ?? '').replace(/^\/+|\/+$/g, '').replace(/\.git$/i, '');
  const name = parseFullName(path);
  return host === undefined || name === undefined ? undefined : { host: host.toLowerCase(), ...name };
}

/** Whether the API at `apiUrl` speaks for repositories on `host`: github.com, a `*.ghe.com` tenant, or a GitHub Enterprise Server. */
export function servesHost(apiUrl: string, host: string): boolean {
  const api = new URL(apiUrl).hostname.toLowerCase();
  // ssh.github.com is git over port 443.
  const plain = host.replace(/^(?:www|ssh)\./, '');
  return api === `api.${plain}` || api === host;
}
