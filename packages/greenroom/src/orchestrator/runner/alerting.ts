import { type AlertPolicy, alertsFor } from '../core/alerting.ts';
import type { Alerts } from '../ports.ts';
import type { Runner } from '../runner.ts';

/** Sends the alerts of every event from now on. Answers a function that stops it. */
export function watchForAlerts(runner: Pick<Runner, 'state' | 'subscribe'>, alerts: Alerts, policy: AlertPolicy): () => void {
  let before = runner.state();
  return runner.subscribe((announcement) => {
    const after = runner.state();
    for (const alert of alertsFor(announcement, before, after, policy)) alerts.send(alert);
    before = after;
  });
}
