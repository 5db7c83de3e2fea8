import { parentPort, workerData } from 'node:worker_threads';
import type { SqlFinding } from '../../../core/gate/sql-findings.ts';
import { judgeSql } from './judge.ts';

export interface SqlWorkerInput {
  texts: readonly string[];
}

const { texts } = workerData as SqlWorkerInput;
const findings: SqlFinding[][] = [];
for (const text of texts) findings.push(await judgeSql(text));
parentPort?.postMessage(findings);
