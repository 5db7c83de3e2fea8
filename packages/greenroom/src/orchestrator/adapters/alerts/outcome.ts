/** What became of one delivery. `error` is a sentence without a secret in it. */
export type Delivery =
  | { ok: true }
  | {
      ok: false;
      error: string;
      /**
       * - `soon`: the target is down or busy, try with back-off
       * - `seldom`: the target is wrong (not found, no access); trying helps only once somebody has repaired it
       * - `never`: this message is refused, others may pass
       */
      retry: 'soon' | 'seldom' | 'never';
      /** What the target asked to wait, in milliseconds; 0 when it said nothing. */
      waitMs: number;
    };
