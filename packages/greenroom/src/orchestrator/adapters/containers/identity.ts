import { createHash } from 'node:crypto';
import type { InstanceRecord } from '../instances/records.ts';

/** Labels by which containers are found again. */
export const LABEL = {
  data: 'greenroom.data',
  kind: 'greenroom.kind',
  instance: 'greenroom.instance',
  slot: 'greenroom.slot',
  commit: 'greenroom.commit',
  port: 'greenroom.port',
  internalPort: 'greenroom.internal-port',
  internalSocket: 'greenroom.internal-socket',
  startedAt: 'greenroom.started-at',
} as const;

/** Only containers of this data directory have it. */
export const dataLabel = (data: string): string => `${LABEL.data}=${data}`;

/** A name that is free on the whole machine: another app may have an instance of the same id. */
export function containerName(data: string, id: string): string {
  return `greenroom-${createHash('sha256').update(data).digest('hex').slice(0, 8)}-${id}`;
}

export function instanceLabels(data: string, record: InstanceRecord): Record<string, string> {
  return {
    [LABEL.data]: data,
    [LABEL.kind]: 'instance',
    [LABEL.instance]: record.instance,
    [LABEL.slot]: record.slot,
    [LABEL.commit]: record.commit,
    [LABEL.port]: String(record.port),
    [LABEL.internalPort]: String(record.internalPort),
    [LABEL.internalSocket]: record.internalSocket,
    [LABEL.startedAt]: String(record.startedAt),
  };
}

/** What the labels tell of an instance without a record; undefined when they are not Greenroom's. */
export function recordOfLabels(labels: Record<string, string>): Omit<InstanceRecord, 'bootId' | 'logFile'> | undefined {
  const slot = labels[LABEL.slot];
  const instance = labels[LABEL.instance];
  const [port, internalPort, startedAt] = [LABEL.port, LABEL.internalPort, LABEL.startedAt].map((name) => Number(labels[name]));
  if ((slot !== 'a' && slot !== 'b') || instance === undefined || !Number.isInteger(port)) return undefined;
  const commit = labels[LABEL.commit] ?? '';
  const internalSocket = labels[LABEL.internalSocket] ?? '';
  const addresses = { port: port ?? 0, internalPort: internalPort || 0, internalSocket };
  return { instance, slot, commit, pid: 0, startTicks: 0, ...addresses, startedAt: startedAt || 0 };
}
