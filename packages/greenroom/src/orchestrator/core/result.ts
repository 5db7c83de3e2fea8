import type { Failure } from '@greenroom/sdk/wire';

/** An expected outcome as a value. Exceptions are left for bugs. */
export type Result<T> = { ok: true; value: T } | { ok: false; failure: Failure };

export const ok = <T>(value: T): Result<T> => ({ ok: true, value });
export const fail = <T = never>(failure: Failure): Result<T> => ({ ok: false, failure });
