/** A proxy of the operator's that ends, or comes back: known at once, and not only with the next round of the reconcile loop. */
import type { Runner } from '../orchestrator/runner.ts';

export interface ProxyTrouble {
  /** For the router. */
  tell(inTrouble: boolean): void;
  /** Has `look` called whenever the proxy is lost or back, and after an attempt, during which the loop does not judge it. */
  follow(runner: Pick<Runner, 'state' | 'subscribe'>, look: () => void): void;
}

export function createProxyTrouble(): ProxyTrouble {
  let lost = false;
  let lookAgain = (): void => undefined;
  return {
    tell(inTrouble) {
      lost = inTrouble;
      lookAgain();
    },
    follow(runner, look) {
      lookAgain = look;
      let wasBusy = false;
      runner.subscribe(() => {
        const busy = runner.state().attempt !== null;
        if (wasBusy && !busy && lost) look();
        wasBusy = busy;
      });
    },
  };
}
