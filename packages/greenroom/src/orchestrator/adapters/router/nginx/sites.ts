/** What the operator's own part of nginx's configuration serves. */
import { portOf } from '../../../core/contract-router.ts';
import { nameOf } from '../names.ts';
import { RouterError } from '../router-error.ts';
import { type NginxSetting, readHeader } from './setting.ts';

interface Site {
  file: string;
  ports: number[];
  names: string[];
}

const TOKEN = /#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[;{}]|(?:\\.|\$\{\w+\}|[^\s;{}\\])+/gs;

/** Which route has the host of a site of the operator's, as a sentence that names both; null when none has. `configuration` is all of nginx's, as `nginx -T` says it. */
export function conflictWithSites({ app, routes }: NginxSetting, configuration: string): RouterError | null {
  const sites = sitesOf(configuration);
  for (const route of routes) {
    const { host, path = '' } = route;
    const site = host && sites.find(({ ports, names }) => ports.includes(portOf(route)) && names.some((name) => isSame(name, host)));
    if (site)
      return new RouterError(
        'route_taken',
        `the route ${host}:${portOf(route)}${path}, which app "${nameOf(app)}" wants, is taken by a server of nginx's own configuration, in ${site.file}: take the host out there, or choose another in the contract`,
      );
  }
  return null;
}

/** `.example.com` is nginx's for that host and all below it. */
function isSame(name: string, host: string): boolean {
  return name === host || (name.startsWith('.') && (name.slice(1) === host || `*${name}` === host));
}

function sitesOf(configuration: string): Site[] {
  const [, ...parts] = configuration.split(/^# configuration file (.+):$/m);
  const sites: Site[] = [];
  for (let at = 0; at < parts.length; at += 2) {
    const [file = '', text = ''] = parts.slice(at, at + 2);
    if (readHeader(text.trimStart()) === null) sites.push(...serversOf(text).map((server) => ({ file, ...server })));
  }
  return sites;
}

/** The `server` blocks of a file; those of streams have no names, and do not matter. */
function serversOf(text: string): Omit<Site, 'file'>[] {
  const servers: Omit<Site, 'file'>[] = [];
  const blocks: (Omit<Site, 'file'> | null)[] = [];
  let words: string[] = [];
  for (const [token] of text.matchAll(TOKEN)) {
    if (token.startsWith('#')) continue;
    if (token === '{') blocks.push(words.length === 1 && words[0] === 'server' ? { ports: [], names: [] } : null);
    else if (token === ';') note(words, blocks.at(-1));
    else if (token === '}') {
      const ended = blocks.pop();
      if (ended) servers.push({ ...ended, ports: ended.ports.length > 0 ? ended.ports : [80] });
    } else {
      words.push(token.replace(/^(["'])(.*)\1$/s, '$2'));
      continue;
    }
    words = [];
  }
  return servers;
}

function note([directive, ...values]: string[], server: Omit<Site, 'file'> | null | undefined): void {
  if (!server) return;
  if (directive === 'server_name') server.names.push(...values.map((name) => name.toLowerCase()));
  const [address = ''] = values;
  if (directive === 'listen') server.ports.push(address.startsWith('unix:') ? 0 : Number(/(?:^|:)(\d+)$/.exec(address)?.[1] ?? 80));
}
