/** Started by the kill test: prepares a slot over and over between two commits, until it is killed. Arguments: data, remote, slot, commits. */
import { createSlots } from '../../src/orchestrator/adapters/slots/slots.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { contractOf, openApp } from '../git/fixture.ts';

const [data = '', remote = '', contract = '{}', ...commits] = process.argv.slice(2);
const layout = layoutOf(data);
const log = (message: string): void => {
  process.stderr.write(`${message}\n`);
};
const repo = await openApp(layout, remote);
const slots = await createSlots({ layout, git: repo.git, contract: contractOf(JSON.parse(contract) as Record<string, unknown>), log });
process.stdout.write('ready\n');
for (let round = 0; ; round++) {
  const slot = round % 3 === 2 ? 'b' : 'a';
  const commit = commits[round % commits.length] ?? '';
  const result = await slots.prepare({ slot, commit, attempt: `child-${round}`, signal: new AbortController().signal });
  if (!result.ok) {
    process.stdout.write(`failed ${JSON.stringify(result.failure)}\n`);
    process.exit(1);
  }
}
