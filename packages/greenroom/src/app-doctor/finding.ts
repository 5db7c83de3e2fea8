/** What one look at the app found. `evidence` are lines that were seen; `remedy` says what to do, and is there with every level but `ok`. */
export interface AppFinding {
  check: AppCheck;
  level: 'ok' | 'warn' | 'fail';
  says: string;
  evidence?: string[];
  remedy?: string;
}

export type AppCheck = 'boot' | 'port' | 'session' | 'memory' | 'files' | 'first' | 'stop' | 'idle' | 'orphans' | 'health';

export const fine = (check: AppCheck, says: string): AppFinding => ({ check, level: 'ok', says });
