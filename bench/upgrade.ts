import { loadavg } from 'node:os';
import { readOptions, wholeNumber } from './harness/options.ts';
import { writeResult } from './harness/results.ts';
import type { Moment, Round } from './upgrade/orchestrator.ts';
import { renderUpgrades } from './upgrade/report.ts';
import { runUpgrades } from './upgrade/run.ts';

const values = readOptions({
  upgrades: { type: 'string', default: '5' },
  out: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
});
if (values.help) {
  console.log(`npm run bench:upgrade -- [--upgrades 5] [--out DIR]

Upgrades the orchestrator in the middle of deploys of the agent and of a person, then the proxy with one and with two workers, under load from
clients that never try again, with the chat open all the time. Exits with 1 when a request failed, a stream was cut, or anything else went wrong.
  --upgrades  of each kind
  --out       folder for the table, instead of bench/results/`);
  process.exit(0);
}

const MOMENTS: readonly Moment[] = ['turn', 'gate', 'boot', 'promote', 'retire'];
const upgrades = wholeNumber('upgrades', values.upgrades);
const waiting = Array.from({ length: upgrades }, (_, index): Round => {
  return { moment: MOMENTS[index % MOMENTS.length] ?? 'turn', by: 'agent', now: false };
});
const atOnce = MOMENTS.filter((moment) => moment !== 'turn').map((moment): Round => ({ moment, by: 'person', now: true }));
const load = loadavg()[0] ?? 0;
const report = await runUpgrades({
  orchestrator: [...waiting, ...atOnce],
  proxy: [1, 2].map((workers) => ({ upgrades, workers })),
  log: (line) => console.error(line),
});
const setting = `Load average before the run: ${load.toFixed(2)}. ${report.chatEvents} events of the chat came on one stream, each once.`;
writeResult({
  title: 'Upgrades',
  name: 'upgrade',
  setting: report.problems.length === 0 ? setting : `${setting} NOT ok: ${report.problems.join('; ')}.`,
  tables: renderUpgrades(report),
  ...(values.out === undefined ? {} : { folder: values.out }),
});
for (const failure of report.series.flatMap(({ load: { failures } }) => failures)) console.error(`FAILED: ${JSON.stringify(failure)}`);
process.exitCode = report.problems.length === 0 && report.series.every(({ load: { failed } }) => failed === 0) ? 0 : 1;
