/** Writes to a registry until it is killed, or a number of times: `node writer-child.ts register|update HOME NAME DATA [COUNT]`. Says `ready` after the first. */
import { type RegisteredApp, registerApp, updateApp } from '../../src/registry/index.ts';
import { lastKnown } from './support.ts';

const [what = '', home = '', name = '', data = '', count = ''] = process.argv.slice(2);
const app: RegisteredApp = { name, data, repo: '', contract: '/contract', api_port: 9100 };
for (let number = 1; count === '' || number <= Number(count); number++) {
  if (what === 'register') await registerApp(home, { ...app, contract: `/contract-${number}` });
  else await updateApp(home, app, lastKnown({ live_commit: String(number) }));
  if (number === 1) process.stdout.write('ready\n');
}
