/** How requests get from nginx to the app: what all servers of an app share, and their locations. */
import { createHash } from 'node:crypto';
import type { NginxSetting } from './setting.ts';

/** What parts of an app's configuration are called; nginx has one name space for all apps. */
export interface Names {
  id: string;
  /** What goes along with every `proxy_pass`. */
  proxyLines: readonly string[];
}

/** Longer than any answer, upload or silent WebSocket should take: how long that may be is the app's to say. */
const PATIENCE = '1d';
const RETRY_AFTER_S = 1;

export function namesOf({ app, trustedProxies, upstream }: NginxSetting): Names {
  const id = `greenroom_${keyOf(app)}`;
  const proto = trustedProxies.length > 0 ? `$${id}_proto` : '$scheme';
  const proxyLines = [
    'proxy_http_version 1.1;',
    'proxy_set_header Host $http_host;',
    // One request to a connection: a swap moves the next request, and what is in flight can be counted.
    `proxy_set_header Connection $${id}_connection;`,
    `proxy_set_header Upgrade $${id}_upgrade;`,
    // This proxy is the edge: what a visitor says about forwarding is not passed on.
    'proxy_set_header X-Forwarded-For $remote_addr;',
    'proxy_set_header X-Real-IP $remote_addr;',
    `proxy_set_header X-Forwarded-Proto ${proto};`,
    'proxy_set_header X-Forwarded-Host $http_host;',
    'proxy_set_header Forwarded "";',
    'proxy_set_header Proxy "";',
    'proxy_buffering off;',
    'proxy_buffer_size 16k;',
    'proxy_buffers 8 16k;',
    // By ports a worker of before a reload would bring what it still reads to the old instance: it has to be known there from its first byte.
    ...(upstream.by === 'port' ? ['proxy_request_buffering off;'] : []),
    `proxy_read_timeout ${PATIENCE};`,
    `proxy_send_timeout ${PATIENCE};`,
    'proxy_next_upstream off;',
  ];
  return { id, proxyLines };
}

/** Stands for the app in everything that is named after it, twelve digits for any app: nginx refuses variables with long names. */
export function keyOf(app: string): string {
  return createHash('sha256').update(app).digest('hex').slice(0, 12);
}

/** Upstreams and variables. */
export function shared(setting: NginxSetting, { id }: Names): string[] {
  const { upstream, chat, internalPort, trustedProxies } = setting;
  const servers: [string, string][] =
    upstream.by === 'socket'
      ? [
          ['', unix(upstream.links.requests)],
          ['_streams', unix(upstream.links.streams)],
          ...(internalPort > 0 ? [['_internal', unix(upstream.links.internal)] as [string, string]] : []),
        ]
      : [
          ['', address(upstream.target?.host, upstream.target?.port)],
          ['_streams', address(upstream.target?.host, upstream.target?.port)],
          ...(internalPort > 0 ? [['_internal', address('127.0.0.1', upstream.target?.internalPort)] as [string, string]] : []),
        ];
  if (chat) servers.push(['_chat', unix(chat.socket)]);
  return [
    ...servers.map(([suffix, server]) => `upstream ${id}${suffix} { server ${server}; }`),
    ...map(id, 'upgrade', '$http_upgrade', ['default ""', '"~*^websocket$" websocket']),
    ...map(id, 'connection', `$${id}_upgrade`, ['default close', 'websocket upgrade']),
    ...map(id, 'kind', `$${id}_upgrade:$http_accept`, ['default ""', '"~^websocket:" _streams', '"~*^:text/event-stream" _streams']),
    ...map(id, 'retry', '$upstream_connect_time', ['default ""', `"-" ${RETRY_AFTER_S}`]),
    ...(chat ? map(id, 'side', '$request_uri', chatSides(chat.path)) : []),
    ...map(id, 'upstream', chat ? `$${id}_side` : '""', [`default ${id}$${id}_kind`, ...(chat ? [`chat ${id}_chat`] : [])]),
    ...(trustedProxies.length > 0
      ? [
          ...statements(`geo $realip_remote_addr $${id}_trusted`, ['default 0', ...trustedProxies.map((network) => `${network} 1`)]),
          ...map(id, 'proto', `$${id}_trusted:$http_x_forwarded_proto`, ['default $scheme', '"1:http" http', '"1:https" https']),
        ]
      : []),
  ];
}

/** What prefixes of the paths lead to; every path for an empty one. With them comes what is answered while nothing answers there. */
export function locations(setting: NginxSetting, names: Names, prefixes: readonly string[]): string[] {
  const { id } = names;
  const side = setting.chat ? `$${id}_side` : '';
  const lines = [
    'client_max_body_size 0;',
    ...(setting.chat ? [`if (${side} = bad) { return 400; }`] : []),
    `proxy_pass http://$${id}_upstream;`,
    ...names.proxyLines,
    `error_page 502 = @${id}_away${side};`,
  ];
  const paths = prefixes.flatMap((prefix) => (prefix === '' ? ['/'] : [`= ${prefix}`, `^~ ${prefix}/`]));
  return [
    ...paths.flatMap((path) => block(`location ${path}`, lines)),
    ...appAway(names),
    ...(setting.chat
      ? block(`location @${id}_awaychat`, [...away('application/json', String(RETRY_AFTER_S)), `return 503 ${quoted(CHAT_IS_SILENT)};`])
      : []),
  ];
}

/** For what the app did not answer: 503 while nothing takes a connection, and 502 when it ended with the request. */
export function appAway({ id }: Names): string[] {
  return block(`location @${id}_away`, [
    ...away('text/plain', `$${id}_retry`),
    'if ($upstream_connect_time != "-") { return 502 "The app ended without an answer.\\n"; }',
    'return 503 "The app is not running at the moment, try again shortly.\\n";',
  ]);
}

const CHAT_IS_SILENT = JSON.stringify({ code: 'unavailable', error: 'The chat is not running. Start it with: greenroom chat' });

function away(type: string, retryAfter: string): string[] {
  return [`default_type ${type};`, 'add_header Cache-Control no-store always;', `add_header Retry-After ${retryAfter} always;`];
}

/**
 * The chat is told from the app by the bytes of the path as they came, segment by segment: `/.greenroomX` and `/%2egreenroom` are the app's. What a server
 * behind might read as another path than this one reaches neither.
 */
function chatSides(path: string): string[] {
  const prefix = `^${path.replaceAll('.', '\\.')}`;
  const disguised = String.raw`(?i:\\|%2f|%5c|%00|/(?:\.|%2e){1,2}(?:[/;?]|$))`;
  return ['default ""', `${quoted(`~${prefix}(?=[/?]|$)[^?]*?${disguised}`)} bad`, `${quoted(`~${prefix}(?:[/?]|$)`)} chat`];
}

const map = (id: string, name: string, source: string, lines: readonly string[]): string[] =>
  statements(`map ${source} $${id}_${name}`, lines);

function statements(name: string, lines: readonly string[]): string[] {
  return block(
    name,
    lines.map((line) => `${line};`),
  );
}

export function block(name: string, lines: readonly string[]): string[] {
  return [`${name} {`, ...lines.map((line) => `  ${line}`), '}'];
}

/** One word of nginx's, whatever is in it. */
export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

const unix = (path: string): string => quoted(`unix:${path}`);

/** Where nobody listens, when there is no such address. */
function address(host: string | undefined, port: number | undefined): string {
  if (!host || !port) return unix('/nonexistent/greenroom.sock');
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
