/** Runs alerts in a process of its own, so that it can be killed: `node kill-child.ts FOLDER URL COUNT`. Says `queued` when all are on disk. */
import { createAlerts } from '../../src/orchestrator/adapters/alerts/alerts.ts';
import { createClock } from '../../src/orchestrator/adapters/clock.ts';
import { alert, contractOf, FAST } from './support.ts';

const [folder = '', url = '', count = '0'] = process.argv.slice(2);
const alerts = await createAlerts({
  app: 'shop',
  contract: contractOf({ alert_targets: [{ type: 'webhook', url }] }),
  secrets: { read: async () => ({ values: {}, missing: [] }) },
  clock: createClock(),
  folder,
  log: () => undefined,
  timing: { ...FAST, burst: 1_000 },
});
for (let number = 1; number <= Number(count); number++) alerts.send(alert({ key: `k${number}`, title: `alert ${number}` }));
await alerts.settled();
process.stdout.write('queued\n');
