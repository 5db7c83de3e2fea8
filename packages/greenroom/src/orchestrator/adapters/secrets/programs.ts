/** Providers that are programs of the operator. What they print is secret: none of it is ever part of a message. */
import { type ChildProcess, spawn } from 'node:child_process';
import { parseEnv } from 'node:util';
import { SecretsError } from './error.ts';
import type { SecretProvider } from './provider.ts';

const MAX_OUTPUT_BYTES = 1024 * 1024;

/** A command line of the operator. It finds the names asked for in `GREENROOM_SECRETS`, separated by spaces. */
export function commandProvider(command: string, env: NodeJS.ProcessEnv): SecretProvider {
  const name = 'The secrets command';
  return {
    name,
    async read(names, signal) {
      const asked = { ...env, GREENROOM_SECRETS: names.join(' ') };
      return parseSecrets(name, await output(name, ['/bin/sh', '-c', command], asked, signal));
    },
  };
}

/** A file that a program decrypts to its standard output. */
export function decryptedFile(name: string, command: readonly string[], env: NodeJS.ProcessEnv): SecretProvider {
  return { name, read: async (_names, signal) => parseSecrets(name, await output(name, command, env, signal)) };
}

/** `NAME=value` lines, or one JSON object, of which the members that are text, numbers or truth values count. */
function parseSecrets(name: string, text: string): NodeJS.Dict<string> {
  if (!text.trimStart().startsWith('{')) return parseEnv(text);
  let object: unknown;
  try {
    object = JSON.parse(text);
  } catch {
    // The parser's own words quote the text.
    throw new SecretsError(`${name} printed what begins like JSON and is none.`);
  }
  return secretsOf(object);
}

/** Members of an object that can be values of environment variables. */
export function secretsOf(object: unknown): NodeJS.Dict<string> {
  if (typeof object !== 'object' || object === null) return {};
  return Object.fromEntries(Object.entries(object).flatMap(([name, value]) => (isScalar(value) ? [[name, String(value)] as const] : [])));
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/** All that the program prints. It and what it started are ended with the time limit. */
async function output(name: string, [file = '', ...args]: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<string> {
  const child = spawn(file, args, { cwd: '/', env, detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  const end = (): void => endGroup(child);
  signal.addEventListener('abort', end, { once: true });
  const chunks: Buffer[] = [];
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_OUTPUT_BYTES) end();
    else chunks.push(chunk);
  });
  try {
    const ended = await new Promise<string>((resolve, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        const why = error.code === 'ENOENT' ? `the program ${file} is not installed, or not on PATH` : error.message;
        reject(new SecretsError(`${name} could not be asked: ${why}.`, { cause: error }));
      });
      child.once('close', (code, killed) => resolve(code === 0 ? '' : killed ? `was ended by ${killed}` : `exited with code ${code}`));
    });
    signal.throwIfAborted();
    if (bytes > MAX_OUTPUT_BYTES) throw new SecretsError(`${name} printed more than ${MAX_OUTPUT_BYTES} bytes.`);
    if (ended !== '')
      throw new SecretsError(
        `${name} ${ended}. Its output may be secret and is not shown: run "${file}" by hand, as the user of the orchestrator.`,
      );
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    signal.removeEventListener('abort', end);
  }
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
