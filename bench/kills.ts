import { loadavg } from 'node:os';
import { oneOf, readOptions, wholeNumber } from './harness/options.ts';
import { writeResult } from './harness/results.ts';
import { renderKills } from './kills/report.ts';
import { runKills, VICTIMS, type Victim } from './kills/run.ts';
import { isInstalled } from './proxy/program.ts';
import { ROUTERS } from './swap/proxy.ts';

const values = readOptions({
  rounds: { type: 'string', default: '5' },
  router: { type: 'string' },
  victim: { type: 'string' },
  out: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
});
const victims = Object.keys(VICTIMS) as Victim[];
if (values.help) {
  console.log(`npm run bench:kills -- [--rounds 5] [--router ${ROUTERS.join('|')}] [--victim NAME] [--out DIR]

Ends proxy, orchestrator and app with kill -9, in turn and together, under load from clients that never try again, and measures the time until
the app answers again and the requests that were lost.
  --router  only this one; without it, all that are installed
  --victim  only this: ${victims.map((victim) => `"${victim}"`).join(', ')}
  --out     folder for the table, instead of bench/results/`);
  process.exit(0);
}

const load = loadavg()[0] ?? 0;
const installed = ROUTERS.filter((router) => router === 'embedded' || isInstalled(router));
const kills = await runKills({
  routers: values.router === undefined ? installed : [oneOf('router', values.router, ROUTERS)],
  victims: values.victim === undefined ? victims : [oneOf('victim', values.victim, victims)],
  rounds: wholeNumber('rounds', values.rounds),
  log: (line) => console.error(line),
});
const setting = `Load average before the run: ${load.toFixed(2)}. Caddy and nginx reach the app by a socket.`;
const folder = values.out === undefined ? {} : { folder: values.out };
writeResult({ title: 'Kills', name: 'kills', setting, tables: renderKills(kills), ...folder });
