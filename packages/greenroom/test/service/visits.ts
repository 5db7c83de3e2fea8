/** Visits an app inside of the machine: visits.ts URL KIND,KIND FOLDER. Makes the file `begun` in the folder with the first answers, ends with a file `end`, and prints the report of the load. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setInterval } from 'node:timers/promises';
import { startLoad } from '../../../../bench/load/load.ts';
import type { LoadKind } from '../../../../bench/load/tally.ts';

const CLIENTS_OF_A_KIND = 2;
const LOOK_INTERVAL_MS = 20;

const [url = '', kinds = '', folder = ''] = process.argv.slice(2);
const mix = Object.fromEntries(kinds.split(',').map((kind) => [kind as LoadKind, CLIENTS_OF_A_KIND]));
const load = startLoad({ url, mix });
for await (const _ of setInterval(LOOK_INTERVAL_MS)) {
  const answered = Object.values(load.snapshot().kinds).every(({ ok }) => ok > 0);
  if (answered) writeFileSync(join(folder, 'begun'), '');
  if (existsSync(join(folder, 'end'))) break;
}
process.stdout.write(JSON.stringify(await load.stop()));
