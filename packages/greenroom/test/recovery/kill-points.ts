/**
 * Preloaded into the orchestrator (`--import`): kills it with SIGKILL at an exact place, which a test names in the file `kill-at` beside the
 * data directory. The product knows nothing of it; what is wrapped are Node's own functions.
 */
import childProcess from 'node:child_process';
import fs, { readFileSync, rmSync, writeSync } from 'node:fs';
import fsPromises, { type FileHandle } from 'node:fs/promises';
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';

export interface KillPoint {
  /**
   * - `journal`: the record of this type, or `type/step`; `torn` leaves half of its line
   * - `rename`: a file is put in its place under this name; `spawn`: a command line with this in it
   * - `proxy`: a call of the proxy's control interface, `METHOD path-part`
   */
  at: 'journal' | 'rename' | 'spawn' | 'proxy';
  match: string;
  when: 'before' | 'torn' | 'after';
  /** Only once a record of this type, or `type/step`, is in the journal. */
  since?: string;
}

const dataFlag = process.argv.indexOf('--data');
const file = dataFlag === -1 ? '' : join(process.argv[dataFlag + 1] ?? '', '..', 'kill-at');
const seen = new Set<string>();
if (file !== '') install();

function armed(at: KillPoint['at'], when: KillPoint['when'], matches: (match: string) => boolean): boolean {
  let point: KillPoint;
  try {
    point = JSON.parse(readFileSync(file, 'utf8')) as KillPoint;
  } catch {
    return false;
  }
  return point.at === at && point.when === when && matches(point.match) && (point.since === undefined || seen.has(point.since));
}

function die(): never {
  rmSync(file);
  process.kill(process.pid, 'SIGKILL');
  throw new Error('a killed process does not go on');
}

function install(): void {
  const { rename } = fsPromises;
  const { renameSync } = fs;
  const { spawn } = childProcess;
  const { request } = http;
  const named = (path: unknown) => (match: string) => String(path).endsWith(match);

  fsPromises.rename = async (from, to) => {
    if (armed('rename', 'before', named(to))) die();
    await rename(from, to);
    if (armed('rename', 'after', named(to))) die();
  };
  fs.renameSync = (from, to) => {
    if (armed('rename', 'before', named(to))) die();
    renameSync(from, to);
    if (armed('rename', 'after', named(to))) die();
  };
  childProcess.spawn = ((command: string, ...rest: unknown[]) => {
    const line = [command, ...(Array.isArray(rest[0]) ? (rest[0] as string[]) : [])].join(' ');
    const hit = (match: string): boolean => line.includes(match);
    if (armed('spawn', 'before', hit)) die();
    const child = (spawn as (...args: unknown[]) => childProcess.ChildProcess)(command, ...rest);
    if (armed('spawn', 'after', hit)) die();
    return child;
  }) as typeof spawn;
  http.request = ((options: http.RequestOptions, ...rest: unknown[]) => {
    const call = `${options.method} ${options.path}`;
    const hit = (match: string): boolean => String(options.socketPath).endsWith('proxy.sock') && isCall(call, match);
    if (armed('proxy', 'before', hit)) die();
    const sent = (request as (...args: unknown[]) => http.ClientRequest)(options, ...rest);
    sent.prependOnceListener('response', () => armed('proxy', 'after', hit) && die());
    return sent;
  }) as typeof request;
  wrapJournal();
  syncBuiltinESMExports();
}

function isCall(call: string, match: string): boolean {
  const [method = '', part = ''] = match.split(' ');
  return call.startsWith(`${method} `) && (part === '/' ? call.endsWith(' /') : call.includes(part));
}

/** The journal is the only file whose lines begin like this. */
function wrapJournal(): void {
  const written = new WeakMap<FileHandle, string[]>();
  const { open } = fsPromises;
  let wrapped = false;
  fsPromises.open = async (...args: Parameters<typeof open>) => {
    const handle = await open(...args);
    if (wrapped) return handle;
    wrapped = true;
    const prototype = Object.getPrototypeOf(handle) as FileHandle;
    const { write, datasync } = prototype;
    prototype.write = async function (this: FileHandle, ...more: unknown[]) {
      const names = namesOf(more[0]);
      const hit = (match: string): boolean => names.includes(match);
      if (armed('journal', 'before', hit)) die();
      if (armed('journal', 'torn', hit)) {
        const line = more[0] as Buffer;
        writeSync(this.fd, line.subarray(0, line.length / 2));
        die();
      }
      if (names.length > 0) written.set(this, names);
      return (write as (...args: unknown[]) => Promise<never>).apply(this, more);
    } as typeof write;
    prototype.datasync = async function (this: FileHandle) {
      await datasync.call(this);
      const names = written.get(this) ?? [];
      for (const name of names) seen.add(name);
      if (armed('journal', 'after', (match) => names.includes(match))) die();
    };
    return handle;
  };
}

/** `type` and `type/step` of a journal line; nothing for other content. */
function namesOf(content: unknown): string[] {
  if (!Buffer.isBuffer(content) || !content.subarray(0, 7).equals(Buffer.from('{"seq":'))) return [];
  const { type, step } = JSON.parse(content.toString('utf8')) as { type: string; step?: string };
  return step === undefined ? [type] : [type, `${type}/${step}`];
}
