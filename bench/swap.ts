import { oneOf, readOptions, wholeNumber } from './harness/options.ts';
import { ROUTERS, UPSTREAMS } from './swap/proxy.ts';
import { describeSwaps } from './swap/report.ts';
import { runSwaps } from './swap/run.ts';

const values = readOptions({
  swaps: { type: 'string', default: '300' },
  kill: { type: 'boolean', default: false },
  standby: { type: 'boolean', default: false },
  router: { type: 'string', default: 'embedded' },
  upstream: { type: 'string', default: 'socket' },
  seed: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
});

if (values.help) {
  console.log(`npm run bench:swap -- [--swaps 300] [--kill] [--standby] [--router embedded|caddy|nginx] [--upstream socket|port] [--seed N] [--json]

Deploys and rolls back under load from clients that never try again, and exits with 1 when a single request failed.
  --kill     kill -9 the orchestrator between and inside deploys, and verify the journal at the end
  --standby  keep the old instance running after a swap, so that a rollback needs no boot
  --router   what leads to the app; a Caddy or nginx of the bench's own is started, which has to be installed
  --upstream how Caddy or nginx reach the app
  --seed     repeat a run with --kill at the same moments (the number that it printed)`);
  process.exit(0);
}

const swaps = wholeNumber('swaps', values.swaps);
const seed = values.seed === undefined ? {} : { seed: Number(values.seed) };
const router = { kind: oneOf('router', values.router, ROUTERS), upstream: oneOf('upstream', values.upstream, UPSTREAMS) };
const report = await runSwaps({
  swaps,
  kill: values.kill,
  standby: values.standby,
  router,
  ...seed,
  log: (line) => console.error(line),
});
console.log(values.json ? JSON.stringify(report, null, 2) : describeSwaps(report));
process.exitCode = report.ok ? 0 : 1;
