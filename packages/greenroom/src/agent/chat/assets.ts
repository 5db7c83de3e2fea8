/**
 * The files of the chat element, as the chat service serves them below the contract's `agent.chat_path`. The repository holds TypeScript, whose types
 * are taken off here; the package holds JavaScript. All are read and listed at the start, so that no path of a request ever reaches the disk.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
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
  /** By its path below the chat path, with or without the slash before it: `chat.js`, `assets/…`, and `` for the page of its own. Null: 404. */
  get(path: string): Asset | null;
}

const FROM_SOURCE = import.meta.filename.endsWith('.ts');
const UI = FROM_SOURCE ? join(import.meta.dirname, '../../../ui') : join(import.meta.dirname, '../../ui');
/** Libraries, each one file. Our modules import them as `./vendor/<name>.js`, whose source only says what the library exports. */
const VENDOR: Record<string, string> = {
  preact: 'preact',
  hooks: 'preact/hooks',
  htm: 'htm',
  marked: 'marked',
  dompurify: 'dompurify',
};
const TYPES: Record<string, string> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
};
const RELATIVE_TS = /((?:from|import)\s*\(?\s*['"]\.{1,2}\/[^'"\n]+)\.ts(['"])/g;
const BARE_PREACT = /(from\s*)(['"])preact\2/g;

/** Reads everything. Throws when the installation is incomplete: a bug of the package, not of its user. */
export function openAssets(): Assets {
  const modules = new Map<string, string>();
  for (const name of readdirSync(join(UI, 'assets'), { recursive: true, encoding: 'utf8' })) {
    if (name.startsWith('vendor')) continue;
    if (name.endsWith('.css')) modules.set(name, readFileSync(join(UI, 'assets', name), 'utf8'));
    else if (isModule(name)) modules.set(name.replace(/\.ts$/, '.js'), javascript(join(UI, 'assets', name)));
  }
  for (const [name, specifier] of Object.entries(VENDOR)) modules.set(`vendor/${name}.js`, library(specifier));

  // The folder's name changes with any of its files, so that browsers may keep them for good and never mix two versions.
  const version = createHash('sha256')
    .update(JSON.stringify([...modules].sort()))
    .digest('hex')
    .slice(0, 16);
  const inVersion = (text: string): string => text.replaceAll('./assets/', `./assets/${version}/`);
  const served = new Map<string, Asset>();
  for (const [name, text] of modules) served.set(`assets/${version}/${name}`, asset(name, text, 'public, max-age=31536000, immutable'));
  const names = [...modules.keys()].filter((name) => name.endsWith('.js'));
  // All modules named at once: the browser fetches them together instead of level by level.
  const together = names.map((name) => `import './assets/${name}';\n`).join('');
  const entry = together + javascript(join(UI, FROM_SOURCE ? 'chat.ts' : 'chat.js'));
  served.set('chat.js', asset('chat.js', inVersion(entry), 'no-cache'));
  served.set('', asset('index.html', inVersion(readFileSync(join(UI, 'index.html'), 'utf8')), 'no-cache'));
  return { get: (path) => served.get(path.replace(/^\//, '')) ?? null };
}

function isModule(name: string): boolean {
  return FROM_SOURCE ? name.endsWith('.ts') && !name.endsWith('.d.ts') : name.endsWith('.js');
}

function javascript(file: string): string {
  const text = readFileSync(file, 'utf8');
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

function asset(name: string, text: string, cacheControl: string): Asset {
  const body = Buffer.from(text);
  const type = TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
  return {
    body,
    gzip: gzipSync(body, { level: 9 }),
    type,
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    cacheControl,
  };
}
