import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const TIMEOUT_MS = 15_000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Who to be at a remote. */
export interface GitAccess {
  env?: Record<string, string | undefined>;
  config?: readonly string[];
}

/** Output of git on the operator's own repository; `problem` is what git said when it failed. Never asks for a password. */
export async function git(
  args: readonly string[],
  { env = {}, config = [] }: GitAccess = {},
): Promise<{ ok: true; text: string } | { ok: false; problem: string }> {
  try {
    const { stdout } = await run('git', ['-c', 'core.fsmonitor=false', ...config.flatMap((it) => ['-c', it]), ...args], {
      env: {
        ...process.env,
        GIT_TERMINAL_PROMPT: '0',
        GIT_OPTIONAL_LOCKS: '0',
        GIT_SSH_COMMAND: 'ssh -o BatchMode=yes',
        LC_ALL: 'C',
        ...env,
      },
      timeout: TIMEOUT_MS,
      maxBuffer: MAX_OUTPUT_BYTES,
    });
    return { ok: true, text: stdout.trim() };
  } catch (error) {
    const { code, killed, stderr } = error as { code?: unknown; killed?: boolean; stderr?: string };
    if (code === 'ENOENT') return { ok: false, problem: 'git is not installed' };
    if (killed) return { ok: false, problem: `git did not answer within ${TIMEOUT_MS / 1_000} s` };
    return { ok: false, problem: (stderr ?? '').trim() || `git ended with ${String(code)}` };
  }
}
