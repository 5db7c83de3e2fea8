import type { ExitReason, SlotName } from '@greenroom/sdk/wire';
import type { Ending } from '../../../family.ts';
import type { InstanceRecord, Records } from './records.ts';
import type { StartCommand } from './start-command.ts';

/** How instances run: as processes of this machine, or as containers. */
export interface InstanceRunner {
  /** What an instance takes over from around it; asked anew for each. A sentence when it cannot be told. */
  surroundings(env: NodeJS.ProcessEnv, of: { slot: SlotName; commit: string }): Promise<Surroundings | string>;
  /** What is recorded of an instance before it is started, so that it is found after a crash; what `start` is given then. */
  prepare(record: InstanceRecord): InstanceRecord;
  /** Answers as soon as the leader runs, or a sentence when it could not be started. Nothing is left of what could not. */
  start(request: StartRequest): Promise<Started | string>;
  /**
   * Watches it from now on. `exited` is the leader's end as the kernel tells it, where that is known. `onLimit` gets sentences each time that something of
   * it was ended or refused for a limit while it goes on.
   */
  watch(record: InstanceRecord, exited: Promise<ExitReason> | undefined, onLimit: (sentences: string[]) => void): Watched;
  /** What earlier runs of the orchestrator left behind. `known` are ids of instances that are looked after already. */
  findEarlier(records: Records, known: ReadonlySet<string>): Promise<Findings>;
  /** Ends at once what carries these ids without a living leader. */
  endOrphans(ids: readonly string[]): Promise<void>;
}

export interface Surroundings {
  /** Of which a short list passes to the app. */
  env: NodeJS.ProcessEnv;
  /** Folder of a `node` to fall back on; empty for none. */
  nodeFolder: string;
}

export interface StartRequest {
  record: InstanceRecord;
  command: StartCommand;
  directory: string;
  env: Record<string, string>;
}

export interface Started {
  /** 0 when it has ended by now. */
  pid: number;
  startTicks: number;
  exited?: Promise<ExitReason>;
}

/** An instance that is looked after. */
export interface Watched {
  /** The leader's end. */
  exited: Promise<ExitReason>;
  /** Ends it; again, it shortens the grace. */
  end(graceMs: number): Ending;
  /** Its end with the limit that it ran into, when it ran into one; `tail` are its last words. */
  explain(exit: ExitReason, tail: readonly string[]): ExitReason;
  /** Takes away what was made for it, once nothing of it runs. */
  clear(): Promise<void>;
  /** No more looking: what runs is left to whoever adopts it. */
  unwatch(): void;
}

export interface Findings {
  /** Instances whose leader runs, with what is known about it. */
  living: InstanceRecord[];
  /** Records of boots that had not ended when the orchestrator was last here, and whose leader is gone. */
  gone: InstanceRecord[];
  /** Instance ids that processes carry without a living leader. */
  orphans: string[];
}
