import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runsStill } from '../../src/proc.ts';
import { type Rig, until } from '../e2e/rig.ts';

/** The chat service that the app's first request has started. */
export interface MountedService {
  pid: number;
  start_ticks: number;
}

export function mountedService({ data }: Rig): MountedService | null {
  const file = join(data, 'run', 'chat.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as MountedService) : null;
}

/** It outlives the app and the orchestrator, so a test ends it. */
export async function endMountedService(rig: Rig): Promise<void> {
  const service = mountedService(rig);
  if (!service || !runsStill(service.pid, service.start_ticks)) return;
  process.kill(service.pid, 'SIGTERM');
  await until(
    () => !runsStill(service.pid, service.start_ticks),
    () => 'the chat service does not end',
  );
}
