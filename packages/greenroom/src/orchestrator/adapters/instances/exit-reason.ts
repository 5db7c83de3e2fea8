import type { ExitReason } from '@greenroom/sdk/wire';

/** How a child of ours ended, with a sentence for people. */
export function exitReason(code: number | null, signal: string | null): ExitReason {
  if (signal === 'SIGTERM') return { code, signal, description: 'ended by SIGTERM' };
  if (signal !== null) return { code, signal, description: `killed by ${signal}` };
  if (code !== null) return { code, signal, description: `exited with code ${code}` };
  return unknownExit('ended, its exit code is unknown');
}

/** For processes whose end nobody of us waited for. */
export function unknownExit(description: string): ExitReason {
  return { code: null, signal: null, description };
}
