import type { Layer } from '../../confine/command.ts';
import { diskUseMb, watchDiskUse } from '../../confine/disk-use.ts';
import { describeFindings, explainExit } from '../../confine/explain-exit.ts';
import type { Limiter } from '../../confine/limiter.ts';
import type { FamilyGroup } from '../../family.ts';
import type { Fate } from './fate.ts';
import type { Writer } from './writer.ts';

const WORKSPACE_LIMIT = '"limits.disk.workspace_mb" in the contract';
/** What a turn may add to a workspace that is too large already: removing files takes commits, and they take room. */
const SPARE_SHARE = 1.05;
const SPARE_MB = 10;

/** Limits of one turn: of the agent with all that it starts, and of its workspace. */
export interface TurnLimits {
  around(layers: readonly Layer[]): readonly Layer[];
  readonly group: FamilyGroup | undefined;
  explain<E extends { code: number | null; signal: string | null; description: string }>(exit: E, tail: readonly string[]): E;
  /** From now on the turn ends when they are reached. */
  watch(pids: () => readonly number[]): Promise<void>;
  /** Once nothing of the turn runs. */
  close(): Promise<void>;
}

export interface TurnLimitsOptions {
  limiter: Limiter | undefined;
  /** Undefined for no limit. */
  workspaceMb: number | undefined;
  workspace: string;
  turn: string;
  fate: Fate;
  writer: Writer;
}

/** Throws the system's error when the limits cannot be set. */
export function openTurnLimits({ limiter, workspaceMb, workspace, turn, fate, writer }: TurnLimitsOptions): TurnLimits {
  const bounds = limiter?.bounds(turn);
  const unwatch: (() => void)[] = [];

  async function watchWorkspace(limitMb: number): Promise<void> {
    const before = (await diskUseMb(workspace)) ?? 0;
    if (before > limitMb) {
      const text = `The workspace takes ${Math.round(before)} MB already; its limit is ${limitMb} MB (${WORKSPACE_LIMIT}). This turn may remove what is not needed, and hardly take more.`;
      writer.notice('warning', text);
    }
    const room = before > limitMb ? before * SPARE_SHARE + SPARE_MB : limitMb;
    const stop = watchDiskUse({ folder: workspace, limitMb: room }, (usedMb) => {
      const detail = `The workspace grew to ${usedMb} MB, so the turn was ended; its limit is ${limitMb} MB (${WORKSPACE_LIMIT}).`;
      fate.decide({ status: 'limited', detail });
    });
    unwatch.push(stop);
  }

  return {
    around: (layers) => bounds?.around(layers) ?? layers,
    group: bounds?.group,
    explain(exit, tail) {
      if (!limiter || !bounds) return exit;
      return explainExit(exit, { kind: limiter.kind, limits: limiter.limits, findings: bounds.findings(), tail });
    },
    async watch(pids) {
      const ended = (): void => {
        const { endedAtMb = 0 } = bounds?.findings() ?? {};
        const detail = `The agent and what it started used ${endedAtMb} MB of memory, so the turn was ended; their limit is ${limiter?.limits.memory_mb} MB (limits.agent.memory_mb).`;
        fate.decide({ status: 'limited', detail });
      };
      if (bounds) unwatch.push(bounds.watch(pids, ended));
      if (workspaceMb !== undefined) await watchWorkspace(workspaceMb);
    },
    async close() {
      for (const stop of unwatch) stop();
      if (limiter && bounds) tellFindings(limiter, bounds.findings());
      await bounds?.remove();
    },
  };

  /** Unless the end of the turn tells it already. */
  function tellFindings({ kind, limits }: Limiter, findings: Parameters<typeof describeFindings>[0]['findings']): void {
    if (fate.verdict()?.detail.includes(`limits.${kind}.`)) return;
    for (const text of describeFindings({ kind, limits, findings })) writer.notice('warning', text);
  }
}
