import { readFile } from 'node:fs/promises';
import type { Layout } from '../orchestrator/layout.ts';
import { isAlive, type ProcessIdentity } from '../proc.ts';

/** `run/orchestrator.json`. */
export interface PidFile extends ProcessIdentity {
  /** 0 when its API is served over sockets only. */
  api_port: number;
}

/** The orchestrator that runs on this data directory now; undefined when the process that the pid file names is gone. */
export async function runningOrchestrator(layout: Pick<Layout, 'pidFile'>): Promise<PidFile | undefined> {
  const file = await readPidFile(layout.pidFile);
  return file && isAlive(file) ? file : undefined;
}

async function readPidFile(path: string): Promise<PidFile | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return isPidFile(value) ? value : undefined;
  } catch (error) {
    // With a file where a folder should be, there is no orchestrator either: whoever needs the folder says so.
    const absent = ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
    if (error instanceof SyntaxError || absent) return undefined;
    throw error;
  }
}

function isPidFile(value: unknown): value is PidFile {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, start_ticks, boot_id, api_port } = value as Record<string, unknown>;
  return [pid, start_ticks, api_port].every(Number.isInteger) && typeof boot_id === 'string';
}
