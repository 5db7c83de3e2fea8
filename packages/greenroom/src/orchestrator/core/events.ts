import type { ExitReason, Failure, FailureCode, SchemaStatus, SlotName, StepName } from '@greenroom/sdk/wire';
import type { CalledBy, Drift, Policy, Request } from './state.ts';

/** What a step found out, for the steps after it and for people. */
export interface StepData {
  /** `resolve`: the full commit id. */
  commit?: string;
  /** `resolve`: the branch it was asked for by. */
  branch?: string;
  detail?: string;
  /** `probe`, `promote`: what the candidate said of the database. */
  schema?: SchemaStatus;
}

export interface AliveInstance {
  instance: string;
  slot: SlotName;
  commit: string;
}

/** Something that happened. `at` is milliseconds since the epoch. Journalled, with these field names, before its commands run. */
export type MachineEvent = { at: number } & (
  | { type: 'started'; policy: Policy; alive: AliveInstance[]; route: string | null }
  | { type: 'deploy_requested'; request: Request }
  | { type: 'rollback_requested'; request: Request }
  | { type: 'restart_requested'; request: Request }
  | { type: 'step_succeeded'; attempt: string; step: StepName; ms: number; data: StepData }
  | { type: 'step_failed'; attempt: string; step: StepName; ms: number; failure: Failure }
  | ({ type: 'approved'; attempt: string; by: string } & CalledBy)
  | ({ type: 'denied'; attempt: string; by: string; reason: string } & CalledBy)
  | { type: 'approval_expired'; attempt: string }
  | { type: 'undone'; attempt: string; slot_ready: boolean }
  | { type: 'instance_exited'; instance: string; exit: ExitReason; log_tail: string[]; log_file: string }
  | { type: 'drained'; instance: string; ms: number; closed_streams: number; abandoned_requests: number }
  | { type: 'standby_expired'; instance: string }
  | { type: 'restart_ready'; instance: string }
  | { type: 'restart_failed'; instance: string; failure: Failure }
  | { type: 'live_switched'; instance: string }
  | { type: 'published'; attempt: string; ms: number; error: string }
  | { type: 'watch_elapsed'; attempt: string }
  | { type: 'watch_failed'; attempt: string; failure: Failure }
  | ({ type: 'frozen'; scope: 'agent' | 'all'; reason: string } & CalledBy)
  | ({ type: 'thawed'; reason: string } & CalledBy)
  | ({ type: 'override_granted'; commit: string; code: FailureCode; fingerprint: string; reason: string } & CalledBy)
  | { type: 'drift_changed'; drift: Drift[] }
  | { type: 'stop_requested'; detach: boolean }
  | { type: 'stopped'; detach: boolean }
);

/** An event before its time is added. */
export type NewEvent = MachineEvent extends infer E ? (E extends MachineEvent ? Omit<E, 'at'> : never) : never;

export type MachineEventType = MachineEvent['type'];

/** Every event type, for tests and readers of the journal. */
export const MACHINE_EVENT_TYPES: readonly MachineEventType[] = [
  'started',
  'deploy_requested',
  'rollback_requested',
  'restart_requested',
  'step_succeeded',
  'step_failed',
  'approved',
  'denied',
  'approval_expired',
  'undone',
  'instance_exited',
  'drained',
  'standby_expired',
  'restart_ready',
  'restart_failed',
  'live_switched',
  'published',
  'watch_elapsed',
  'watch_failed',
  'frozen',
  'thawed',
  'override_granted',
  'drift_changed',
  'stop_requested',
  'stopped',
];
