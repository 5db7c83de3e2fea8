/** How pending migrations are applied: one by one, or all at once by a tool that knows no other way. */
export type Migrations = { lock: MigrationLock } & (
  | {
      /** Applies one pending migration; they come in order. Rejects when it failed. */
      apply(name: string): unknown;
      applyAll?: never;
    }
  | {
      /** Applies all pending migrations. Rejects when one failed. */
      applyAll(): unknown;
      apply?: never;
    }
);

/** Keeps other processes from applying migrations at the same time. The end of a process has to free it, however it ends. */
export interface MigrationLock {
  /**
   * Takes the lock, or answers at once who has it. `holder` says who asks, in at most 60 characters. Rejects when that cannot be told; nothing is
   * held then.
   */
  take(holder: string): Promise<{ release(): unknown } | { heldBy: string }>;
}
