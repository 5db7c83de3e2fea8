import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanUpOnce } from './harness/cleanup.ts';
import { endLeftovers } from './harness/leftovers.ts';
import { readOptions, wholeNumber } from './harness/options.ts';
import { RESULTS, writeResult } from './harness/results.ts';
import { CASES, QUICK_CASES } from './proxy/cases.ts';
import { isInstalled } from './proxy/program.ts';
import { proxiesWith } from './proxy/proxies.ts';
import { renderReport } from './proxy/report.ts';
import { estimatedSeconds, type Measured, measureProxies } from './proxy/run.ts';

const values = readOptions({
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  workers: { type: 'string', default: '2' },
  only: { type: 'string' },
  proxies: { type: 'string' },
  quick: { type: 'boolean', default: false },
  out: { type: 'string', default: RESULTS },
  help: { type: 'boolean', short: 'h', default: false },
});
if (values.help) {
  console.log(`npm run bench:proxy -- [--rounds 5] [--seconds 3] [--workers 2] [--only CASE,…] [--proxies NAME,…] [--quick] [--out FOLDER]

Sends the same load through the embedded proxy, nginx, Caddy and a plain Node proxy in turn, on this machine only, and writes a table to bench/results/.
  --rounds   how often each is measured; --seconds how long, after a second of warming up
  --workers  of the rows with more than one worker
  --quick    one round of one second, without the slowest cases: a minute and a half, and only a first look
  --only     ${CASES.map(({ name }) => name).join(', ')}
  --proxies  ${proxiesWith(2)
    .map(({ name }) => name)
    .join(', ')}`);
  process.exit(0);
}

const wanted = {
  rounds: wholeNumber('rounds', values.rounds ?? (values.quick ? '1' : '5')),
  seconds: wholeNumber('seconds', values.seconds ?? (values.quick ? '1' : '3')),
  warmUpSeconds: values.quick ? 0.5 : 1,
  cases: chosen('only', values.quick && values.only === undefined ? QUICK_CASES : CASES, values.only),
  proxies: chosen('proxies', proxiesWith(wholeNumber('workers', values.workers)), values.proxies),
};
const absent = ['nginx', 'wrk'].filter((name) => !isInstalled(name));
if (absent.length > 0) {
  console.error(
    `bench:proxy needs ${absent.join(' and ')}. Install ${absent.length === 1 ? 'it' : 'them'} (on Debian: apt-get install ${absent.join(' ')}) and run this again.`,
  );
  process.exit(1);
}
const loadBefore = loadavg()[0] ?? 0;
const root = mkdtempSync(join(tmpdir(), 'greenroom-bench-proxy-'));
const interrupted = new AbortController();
let finished = false;
const cleanUp = cleanUpOnce(async () => {
  if (!finished) interrupted.abort(new Error('interrupted'));
  await endLeftovers(root);
  rmSync(root, { recursive: true, force: true });
});
console.error(
  `${wanted.cases.length} cases, ${wanted.proxies.length} proxies, ${wanted.rounds} rounds: about ${minutes(estimatedSeconds(wanted))}`,
);
try {
  const measured = await measureProxies({ root, signal: interrupted.signal }, { ...wanted, log: (line) => console.error(line) });
  finished = true;
  write(measured);
} catch (error) {
  // Then the one who interrupted it knows, and the clean-up ends this process.
  if (!interrupted.signal.aborted) throw error;
} finally {
  await cleanUp();
}

function write({ samples, missing, cores }: Measured): void {
  const places = [...new Set(wanted.proxies.map(({ workers }) => workers))].map(
    (workers) => `with ${workers} worker${workers === 1 ? '' : 's'} on ${named(cores.proxy(workers))}`,
  );
  writeResult({
    title: 'The proxies',
    name: 'proxy',
    setting: `Load average before it ${loadBefore.toFixed(1)}.
${wanted.rounds} rounds of ${wanted.seconds} s after ${wanted.warmUpSeconds} s of warming up. Clients and back ends on ${named(cores.load)}; proxies ${places.join(', ')}.`,
    tables: renderReport(samples, { ...wanted, missing }),
    folder: values.out,
  });
}

function named(cores: readonly number[]): string {
  return cores.length === 0 ? 'all cores' : `core ${cores.join(', ')}`;
}

/** Those of the list that are named, in the list's order; all when nothing is. */
function chosen<T extends { name: string }>(option: string, list: readonly T[], names: string | undefined): T[] {
  if (names === undefined) return [...list];
  const asked = names.split(',').map((name) => name.trim());
  const unknown = asked.find((name) => !list.some((each) => each.name === name));
  if (unknown === undefined) return list.filter(({ name }) => asked.includes(name));
  console.error(`--${option}: there is no "${unknown}". Known: ${list.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}

function minutes(seconds: number): string {
  return seconds < 100 ? `${seconds} s` : `${Math.round(seconds / 60)} minutes`;
}
