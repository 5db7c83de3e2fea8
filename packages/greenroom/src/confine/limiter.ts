import { accessSync, constants, readFileSync } from 'node:fs';
import type { Group } from './cgroup-group.ts';
import type { Cgroups } from './cgroups.ts';
import type { Layer } from './command.ts';
import type { Findings, Limited, ResourceLimits } from './limits.ts';
import { watchMemory } from './memory-watch.ts';
import { rlimitLayer } from './rlimits.ts';

/** The bounds of one started program and of all that it starts. */
export interface Bounds {
  /** The layers with its own put where they belong: a control group is joined before rights are given up, the rest is bound after. */
  around(layers: readonly Layer[]): readonly Layer[];
  /** Its control group; undefined where there is none. */
  readonly group: Group | undefined;
  /** Where no control group bounds its memory: looks at its processes now and then, and calls back once when they use too much. Answers a function that ends it. */
  watch(members: () => readonly number[], onBreach: () => void): () => void;
  findings(): Findings;
  /** Once nothing of it runs. */
  remove(): Promise<void>;
}

/** Bounds the programs of one kind. */
export interface Limiter {
  readonly kind: Limited;
  readonly limits: ResourceLimits;
  /** For a program that is to be started. Throws the system's error. */
  bounds(id: string): Bounds;
  /** Of one that an earlier run of ours started: with the limits that it was started with. Throws the system's error. */
  earlier(id: string): Bounds;
  /** Ids whose bounds are there, also of earlier runs. */
  known(): string[];
  /** What of the limits cannot be held here, as clauses: "limits.app.cpu_percent (no control group for it)". */
  readonly gaps: readonly string[];
}

export interface LimiterOptions {
  kind: Limited;
  /** Undefined when the contract has none for this kind. */
  limits: ResourceLimits | undefined;
  /** Tells the groups of this app from those of others. */
  key: string;
  cgroups: Cgroups | undefined;
  /** Whether the program has a user of its own: only then can its processes be counted without a control group. */
  ownUser?: boolean;
}

const PRLIMIT_PLACES = ['/usr/bin/prlimit', '/bin/prlimit'];
const NO_BOUNDS: Bounds = {
  around: (layers) => layers,
  group: undefined,
  watch: () => () => undefined,
  findings: () => ({ peakMb: 0, memoryKills: 0, refusedForks: 0, endedAtMb: 0 }),
  remove: async () => undefined,
};

export function createLimiter({ kind, limits, key, cgroups, ownUser = false }: LimiterOptions): Limiter {
  if (limits === undefined) return { kind, limits: {}, bounds: () => NO_BOUNDS, earlier: () => NO_BOUNDS, known: () => [], gaps: [] };
  const has = (controller: 'memory' | 'cpu' | 'pids'): boolean => cgroups?.controllers.includes(controller) === true;
  const isGrouped = cgroups !== undefined && cgroups.controllers.length > 0;
  const prefix = `${key}-${kind}-`;
  const rlimits = {
    open_files: limits.open_files === undefined ? undefined : Math.min(limits.open_files, hardOpenFiles()),
    file_size_mb: limits.file_size_mb,
    userProcesses: ownUser && !has('pids') ? limits.processes : undefined,
  };
  const prlimit = PRLIMIT_PLACES.find(isProgram);
  const inner = prlimit === undefined ? [] : [rlimitLayer(prlimit, rlimits)];

  return {
    kind,
    limits,
    gaps: gaps(),
    known: () => (isGrouped ? cgroups.list(prefix).map((name) => name.slice(prefix.length)) : []),
    bounds(id) {
      const group = groupOf(id);
      group?.limit(limits);
      return within(group, limits.memory_mb);
    },
    earlier(id) {
      const group = groupOf(id);
      group?.restore(limits);
      return within(group, limits.memory_mb);
    },
  };

  function groupOf(id: string): Group | undefined {
    return isGrouped ? cgroups.open(`${prefix}${id}`) : undefined;
  }

  function within(group: Group | undefined, memoryMb: number | undefined): Bounds {
    let endedAtMb = 0;
    return {
      group,
      around: (layers) => [...(group ? [group.layer] : []), ...layers, ...inner],
      watch(members, onBreach) {
        if (memoryMb === undefined || has('memory')) return () => undefined;
        return watchMemory(members, memoryMb, (usedMb) => {
          endedAtMb = usedMb;
          onBreach();
        });
      },
      findings: () => ({ peakMb: 0, memoryKills: 0, refusedForks: 0, ...group?.findings(), endedAtMb }),
      remove: async () => void (await group?.remove()),
    };
  }

  function gaps(): string[] {
    const missing = (field: keyof ResourceLimits, why: string): string[] =>
      limits?.[field] === undefined ? [] : [`limits.${kind}.${field} (${why})`];
    const noGroup = 'no control group for it can be made here';
    const noPrlimit = 'the program prlimit of util-linux is missing';
    const hard = hardOpenFiles();
    return [
      ...(has('memory') ? [] : missing('memory_mb', `${noGroup}; what uses more is ended within seconds instead`)),
      ...(has('cpu') ? [] : missing('cpu_percent', noGroup)),
      ...(has('pids') || (rlimits.userProcesses !== undefined && prlimit) ? [] : missing('processes', noGroup)),
      ...(prlimit ? [] : [...missing('open_files', noPrlimit), ...missing('file_size_mb', noPrlimit)]),
      ...((limits?.open_files ?? 0) > hard ? missing('open_files', `Greenroom itself may open ${hard}, which holds instead`) : []),
    ];
  }
}

/** Nobody can be given more than this process may have itself. */
function hardOpenFiles(): number {
  const line = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
  return line?.[1] === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(line?.[1]);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
}
