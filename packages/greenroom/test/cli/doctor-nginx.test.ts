import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { startNginxRig } from '../router/suite/nginx-rig.ts';
import { createMachine } from './support.ts';

test('doctor says whether nginx takes its configuration and reads what Greenroom writes', async (t) => {
  const [machine, nginx] = [await createMachine(t), await startNginxRig(t, 'socket')];
  const contract = JSON.parse(await readFile(machine.app.contract, 'utf8')) as object;
  const router = { kind: 'nginx', config_dir: nginx.configDir, command: nginx.command };
  await writeFile(machine.app.contract, JSON.stringify({ ...contract, router }));
  const look = async (): Promise<unknown[]> => {
    const { stdout } = await machine.greenroom(['doctor', '--json']);
    return (JSON.parse(stdout) as { findings: { check: string }[] }).findings.filter((it) => it.check === 'proxy');
  };
  assert.deepEqual(await look(), [{ check: 'proxy', level: 'ok', says: `nginx reads ${nginx.configDir}` }]);

  const configuration = await readFile(nginx.nginxConf, 'utf8');
  await writeFile(nginx.nginxConf, configuration.replace(/^(\s*)include /m, '$1# include '));
  const remedy = `Write "include ${nginx.configDir}/*.conf;" as the last line of the http block of nginx.conf, and reload nginx.`;
  assert.deepEqual(await look(), [{ check: 'proxy', level: 'fail', says: `nginx does not read ${nginx.configDir}`, remedy }]);

  await writeFile(nginx.nginxConf, `${configuration}\nnonsense`);
  const [finding] = await look();
  assert.match(JSON.stringify(finding), /nginx does not take its configuration: unexpected end of file.*Run: nginx .* -t/);
});
