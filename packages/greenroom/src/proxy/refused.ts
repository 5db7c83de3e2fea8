/** What the control interface answers. */
export interface Refused {
  ok: false;
  status: number;
  code: string;
  error: string;
}
export type Answer<T> = { ok: true; value: T } | Refused;

export function refuse(status: number, code: string, error: string): Refused {
  return { ok: false, status, code, error };
}
