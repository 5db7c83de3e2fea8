/**
 * The files of our pages, as the chat service and the dashboard serve them. The repository holds TypeScript, whose types are taken off here; the package
 * holds JavaScript. All are read and listed at the start, so that no path of a request ever reaches the disk.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

export interface Asset {
  body: Buffer;
  /** The same, compressed. */
  gzip?: Buffer;
  /** For `Content-Type`. */
  type: string;
  /** For `ETag`, quotes included. */
  etag: string;
  /** For `Cache-Control`. */
  cacheControl: string;
}

export interface Assets {
  /** By its path below the page's, with or without the slash before it: `chat.js`, `assets/…`, and `` for the page itself. Null: 404. */
  get(path: string): Asset | null;
}

/** A page, the module that it loads, and its style, as they are called in `ui/`. */
const PAGES = {
  chat: { page: 'index.html', entry: 'chat', style: 'page.css' },
  dashboard: { page: 'dashboard.html', entry: 'dashboard', style: 'dashboard.css' },
} as const;
const FROM_SOURCE = import.meta.filename.endsWith('.ts');
const UI = join(import.meta.dirname, FROM_SOURCE ? '../ui' : 'ui');
/** Libraries, each one file. Our modules import them as `./vendor/<name>.js`, whose source only says what the library exports. */
const VENDOR: Record<string, string> = {
  preact: 'preact',
  hooks: 'preact/hooks',
  htm: 'htm',
  marked: 'marked',
  dompurify: 'dompurify',
  uplot: 'uplot/dist/uPlot.esm.js',
};
const TYPES: Record<string, string> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
};
const RELATIVE_TS = /((?:from|import)\s*\(?\s*['"]\.{1,2}\/[^'"\n]+)\.ts(['"])/g;
const RELATIVE = /(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"\n]+)\.js['"]/g;
const BARE_PREACT = /(from\s*)(['"])preact\2/g;

/** Reads everything. Throws when the installation is incomplete: a bug of the package, not of its user. */
export function openAssets(name: keyof typeof PAGES): Assets {
  const { page, entry, style } = PAGES[name];
  const start = javascript(entry);
  const modules = new Map<string, string>();
  for (const path of imported(`${entry}.js`, start)) readWithImports(path, modules);
  modules.set(`assets/${style}`, readFileSync(join(UI, 'assets', style), 'utf8'));

  // The folder's name changes with any of its files, so that browsers may keep them for good and never mix two versions.
  const version = createHash('sha256')
    .update(JSON.stringify([...modules].sort()))
    .digest('hex')
    .slice(0, 16);
  const inVersion = (text: string): string => text.replaceAll('./assets/', `./assets/${version}/`);
  const served = new Map<string, Asset>();
  for (const [path, text] of modules) served.set(versioned(path, version), asset(path, text, 'public, max-age=31536000, immutable'));
  // All modules named at once: the browser fetches them together instead of level by level.
  const together = [...modules.keys()].filter((path) => path.endsWith('.js')).map((path) => `import './${path}';\n`);
  served.set(`${entry}.js`, asset('.js', inVersion(together.join('') + start), 'no-cache'));
  served.set('', asset('.html', inVersion(readFileSync(join(UI, page), 'utf8')), 'no-cache'));
  return { get: (path) => served.get(path.replace(/^\//, '')) ?? null };
}

/** Named, and not as what is never wanted. */
const TAKES_GZIP = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i;

/** Answers with a file, or with 304 when the browser has it. */
export function assetResponse(found: Asset, request: Headers, more: Record<string, string>): Response {
  const headers = { ...more, etag: found.etag, 'cache-control': found.cacheControl, vary: 'accept-encoding' };
  const known = (request.get('if-none-match') ?? '').split(',').some((tag) => tag.trim().replace(/^W\//, '') === found.etag);
  if (known) return new Response(null, { status: 304, headers });
  const packed = found.gzip && TAKES_GZIP.test(request.get('accept-encoding') ?? '');
  if (!packed) return new Response(new Uint8Array(found.body), { headers: { ...headers, 'content-type': found.type } });
  const encoded = { 'content-type': found.type, 'content-encoding': 'gzip', etag: `W/${found.etag}` };
  return new Response(new Uint8Array(found.gzip ?? found.body), { headers: { ...headers, ...encoded } });
}

const versioned = (path: string, version: string): string => path.replace(/^assets\//, `assets/${version}/`);

/** A module and all that it imports, by their paths below `ui/`, with `.js` at the end. */
function readWithImports(path: string, modules: Map<string, string>): void {
  if (modules.has(path)) return;
  const vendor = /^assets\/vendor\/(\w+)\.js$/.exec(path)?.[1];
  const text = vendor === undefined ? javascript(path.slice(0, -'.js'.length)) : library(VENDOR[vendor] ?? vendor);
  modules.set(path, text);
  for (const each of imported(path, text)) readWithImports(each, modules);
}

function imported(path: string, text: string): string[] {
  return [...text.matchAll(RELATIVE)].map(([, name]) => join(path, '..', `${name}.js`));
}

function javascript(name: string): string {
  const text = readFileSync(join(UI, `${name}.${FROM_SOURCE ? 'ts' : 'js'}`), 'utf8');
  return FROM_SOURCE ? withoutTypes(text).replace(RELATIVE_TS, '$1.js$2') : text;
}

/** Node warns once that this may change, which is nothing that a person at the terminal can act on. */
function withoutTypes(text: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(text);
  } finally {
    process.emitWarning = emitWarning;
  }
}

function library(specifier: string): string {
  const text = readFileSync(fileURLToPath(import.meta.resolve(specifier)), 'utf8');
  return text.replace(BARE_PREACT, '$1$2./preact.js$2').replace(/\n\/\/# sourceMappingURL=.*/g, '');
}

function asset(path: string, text: string, cacheControl: string): Asset {
  const body = Buffer.from(text);
  const type = TYPES[path.slice(path.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
  return {
    body,
    gzip: gzipSync(body, { level: 9 }),
    type,
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    cacheControl,
  };
}
