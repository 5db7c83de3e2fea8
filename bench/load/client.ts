import type { LoadKind, Tally } from './tally.ts';

/** One client: `once` is a request, or a stream from opening to end. It rejects on a failure. */
export interface Client {
  once(): Promise<void>;
  close(): void;
}

/** What a client of any kind is given. `stopping` says that it shall end; what the other side still answers counts. */
export interface ClientSetting {
  kind: LoadKind;
  url: URL;
  tally: Tally;
  pauseMs: number;
  timeoutMs: number;
  stopping: AbortSignal;
}

/** Answers name the commit that gave them in this header. */
export const COMMIT_HEADER = 'x-app-commit';
