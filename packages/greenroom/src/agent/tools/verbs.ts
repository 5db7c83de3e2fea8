import { deploy } from './deploy.ts';
import { diffLive } from './diff.ts';
import { appLogs, deployLog } from './logs.ts';
import { rollback } from './rollback.ts';
import { contract, status } from './status.ts';
import type { Verb } from './verb.ts';

/** Everything that the agent can do beside its own tools. */
export const VERBS: readonly Verb[] = [deploy, rollback, status, deployLog, appLogs, diffLive, contract];
