import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { startCaddyRig } from '../router/suite/caddy-rig.ts';
import { createMachine } from './support.ts';

test('doctor says whether Caddy can be told what to do', async (t) => {
  const [machine, caddy] = [await createMachine(t), await startCaddyRig(t, { upstream: 'socket' })];
  const contract = JSON.parse(await readFile(machine.app.contract, 'utf8')) as object;
  const look = async (admin: string): Promise<unknown[]> => {
    await writeFile(machine.app.contract, JSON.stringify({ ...contract, router: { kind: 'caddy', admin } }));
    const { stdout } = await machine.greenroom(['doctor', '--json']);
    return (JSON.parse(stdout) as { findings: { check: string }[] }).findings.filter((it) => it.check === 'proxy');
  };
  assert.deepEqual(await look(caddy.admin), [{ check: 'proxy', level: 'ok', says: `Caddy answers at ${caddy.admin}` }]);
  const [finding] = await look(`${caddy.admin}.not`);
  assert.match(JSON.stringify(finding), /"fail".*Caddy does not answer at unix.*ENOENT.*Start Caddy/);
});
