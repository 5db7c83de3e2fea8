import { spawn } from 'node:child_process';
import type { ContainerProgram } from '../../core/contract-runner.ts';

/** Long enough for a machine at its limit; what takes longer has hung. */
const PATIENCE_MS = 30_000;
const KEPT_CHARACTERS = 16 * 1024 * 1024;

export interface CliAnswer {
  /** Null when it could not be run, or did not end in time. */
  code: number | null;
  stdout: string;
  /** Its error output, or why it was not run. */
  stderr: string;
}

export interface CliOptions {
  /** Added to the program's own environment. */
  env?: Record<string, string>;
  /** 0 for as long as it takes. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Open file that gets all output, instead of the answer. */
  output?: number;
}

/** The command line of Podman or Docker, which answer alike. */
export interface ContainerCli {
  readonly program: ContainerProgram;
  /** What it is given of this process's own environment. */
  readonly environment: Record<string, string>;
  run(args: readonly string[], options?: CliOptions): Promise<CliAnswer>;
}

/**
 * Runs in sessions of their own: neither Ctrl-C nor the end of this process cuts a call short, so that a container is there or not, and never half.
 * `env` is this process's own environment, of which the program gets what it acts on.
 */
export function createContainerCli(program: ContainerProgram, env: NodeJS.ProcessEnv): ContainerCli {
  const own = programEnvironment(env);
  return {
    program,
    environment: own,
    run(args, { env: added = {}, timeoutMs = PATIENCE_MS, signal, output } = {}) {
      const { promise, resolve } = Promise.withResolvers<CliAnswer>();
      const stream = output ?? 'pipe';
      const child = spawn(program, args, { env: { ...added, ...own }, detached: true, stdio: ['ignore', stream, stream] });
      const texts = { stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr'] as const) {
        child[name]?.setEncoding('utf8').on('data', (text: string) => {
          if (texts[name].length < KEPT_CHARACTERS) texts[name] += text;
        });
      }
      const cut = (): void => void child.kill('SIGKILL');
      const timer = timeoutMs === 0 ? undefined : setTimeout(cut, timeoutMs);
      signal?.addEventListener('abort', cut, { once: true });
      const done = (answer: CliAnswer): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', cut);
        resolve(answer);
      };
      child.on('error', ({ message, code }: NodeJS.ErrnoException) =>
        done({ code: null, stdout: '', stderr: code === 'ENOENT' ? `"${program}" was not found on PATH` : message }),
      );
      child.on('close', (code) =>
        done({ code, ...texts, ...(code === null && { stderr: `"${program} ${args[0]}" did not end within ${timeoutMs} ms` }) }),
      );
      return promise;
    },
  };
}

const PASSED =
  /^(?:PATH|HOME|USER|LOGNAME|TMPDIR|LANG|LC_.*|XDG_.*|DBUS_SESSION_BUS_ADDRESS|CONTAINERS?_.*|DOCKER_.*|BUILDAH_.*|REGISTRY_.*|STORAGE_.*|SSL_CERT_.*|https?_proxy|no_proxy)$/i;

/** What the program acts on: where its storage, configuration, credentials of registries and proxies are. */
function programEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const passed = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && PASSED.test(entry[0]));
  return Object.fromEntries(passed);
}

/** The last line of what went wrong, without the program's "Error:". */
export function reasonOf({ stderr, code }: Pick<CliAnswer, 'stderr' | 'code'>): string {
  const line = stderr.trim().split('\n').at(-1)?.trim() ?? '';
  const said = line.replace(/^(?:Error: |Error response from daemon: |docker: )+/, '').replace(/\.$/, '');
  return said === '' ? `exit code ${code}` : said;
}
