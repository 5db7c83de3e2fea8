import { uptime } from 'node:os';
import { join } from 'node:path';
import { INSTANCE_ENV } from '@greenroom/sdk/wire';
import type { Sparing } from '../../../family.ts';
import { environHas, isRunning, type ProcessStat, parseEnviron, processTable, readEnviron } from '../../../proc.ts';
import type { Findings } from './instance-runner.ts';
import type { InstanceRecord, Records } from './records.ts';

/** `USER_HZ`, which every Linux has at 100. */
const TICK_MS = 10;

interface Search {
  records: Records;
  entries: readonly string[];
  bootId: string;
  logs: string;
  spare: Sparing;
  /** Instances that are looked after already, or run in another way. */
  known: ReadonlySet<string>;
}

interface Marked {
  stat: ProcessStat;
  environ: Map<string, string>;
}

/**
 * What earlier runs of the orchestrator left behind. A leader is known by its record (pid and start time), or, when the record is missing,
 * unreadable or was written before the process existed, by its environment. `entries` are environment entries that only this app in this
 * data directory has, so that another orchestrator's app of the same name is never touched.
 */
export function findEarlierInstances({ records, entries, bootId, logs, spare, known }: Search): Findings {
  const table = processTable();
  const marked = findMarked(table, entries, spare);
  const findings: Findings = { living: [], gone: [], orphans: [] };
  for (const id of new Set([...records.ids(), ...marked.keys()])) {
    if (known.has(id)) continue;
    const record = records.read(id);
    const carriers = marked.get(id) ?? [];
    const living =
      record === undefined || isUnstarted(record, bootId) ? byEnviron(carriers, record, bootId, logs) : byRecord(record, table, bootId);
    if (living) findings.living.push(living);
    else {
      if (carriers.length > 0) findings.orphans.push(id);
      if (record === undefined) records.remove(id);
      else if (!record.ended) findings.gone.push(record);
    }
  }
  return findings;
}

function isUnstarted(record: InstanceRecord, bootId: string): boolean {
  return !record.ended && record.pid === 0 && record.bootId === bootId;
}

function byRecord(record: InstanceRecord, table: Map<number, ProcessStat>, bootId: string): InstanceRecord | undefined {
  const stat = table.get(record.pid);
  const same = isRunning(stat) && stat.startTicks === record.startTicks && record.bootId === bootId;
  return same && !record.ended ? record : undefined;
}

/** The leader is the first of the carriers that leads its own session; a daemon that the app made does so too, but started later. */
function byEnviron(carriers: Marked[], record: InstanceRecord | undefined, bootId: string, logs: string): InstanceRecord | undefined {
  const leaders = carriers.filter(({ stat }) => stat.session === stat.pid && stat.group === stat.pid);
  leaders.sort((one, other) => one.stat.startTicks - other.stat.startTicks || one.stat.pid - other.stat.pid);
  const [leader] = leaders;
  if (leader === undefined) return undefined;
  const { pid, startTicks } = leader.stat;
  if (record) return { ...record, pid, startTicks };
  const value = (name: string): string => leader.environ.get(name) ?? '';
  const slot = value(INSTANCE_ENV.slot);
  const port = Number(value(INSTANCE_ENV.port));
  if ((slot !== 'a' && slot !== 'b') || !Number.isInteger(port)) return undefined;
  const instance = value(INSTANCE_ENV.instance);
  return {
    instance,
    slot,
    commit: value(INSTANCE_ENV.commit),
    pid,
    startTicks,
    bootId,
    port,
    internalPort: Number(value(INSTANCE_ENV.internalPort)) || 0,
    internalSocket: value(INSTANCE_ENV.internalSocket),
    logFile: join(logs, `${instance}.log`),
    startedAt: Math.round(Date.now() - uptime() * 1_000 + startTicks * TICK_MS),
  };
}

function findMarked(table: Map<number, ProcessStat>, entries: readonly string[], spare: Sparing): Map<string, Marked[]> {
  const isSpared = spare(table, 0);
  const found = new Map<string, Marked[]>();
  for (const stat of table.values()) {
    if (!isRunning(stat) || stat.pid === process.pid) continue;
    const raw = readEnviron(stat.pid);
    if (raw === undefined || !entries.every((entry) => environHas(raw, entry))) continue;
    // Started by the app with all of its environment, but the agent's.
    if (isSpared(stat)) continue;
    const environ = parseEnviron(raw);
    const id = environ.get(INSTANCE_ENV.instance);
    if (id !== undefined) found.set(id, [...(found.get(id) ?? []), { stat, environ }]);
  }
  return found;
}
