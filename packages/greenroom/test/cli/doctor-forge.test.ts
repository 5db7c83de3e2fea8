import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { readBootId, readStat } from '../../src/proc.ts';
import { registerApp } from '../../src/registry/index.ts';
import { serveGit } from '../branches/http-server.ts';
import { git, temporaryFolder } from '../git/fixture.ts';
import { startGitHub, TOKEN } from '../github/stand-in/server.ts';
import { createMachine, type Machine } from './support.ts';

interface Finding {
  check: string;
  level: string;
  says: string;
  remedy?: string;
}

const SECRET = 'a-secret-of-more-than-16-characters';

async function find(machine: Machine, check: string, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const clean = { GITHUB_TOKEN: '', GITHUB_APP_ID: '', GITHUB_API_URL: '', GITHUB_REPOSITORY: '', GREENROOM_GIT_TOKEN: '' };
  const ran = await machine.greenroom(['doctor', '--json'], { env: { ...clean, ...env } });
  const { findings } = JSON.parse(ran.stdout) as { findings: Finding[] };
  for (const hidden of [TOKEN, SECRET]) assert.ok(!ran.stdout.includes(hidden) && !ran.stderr.includes(hidden), 'a secret is shown');
  return findings.filter((it) => it.check === check);
}

test('doctor asks GitHub whether it takes the credentials; wrong settings are named', async (t) => {
  const machine = await createMachine(t);
  const gitHub = await startGitHub();
  t.after(() => gitHub.close());
  const env = { GITHUB_API_URL: gitHub.url, GITHUB_REPOSITORY: 'acme/shop', GITHUB_TOKEN: TOKEN };
  assert.deepEqual(await find(machine, 'github', {}), []);
  assert.deepEqual(await find(machine, 'github', env), [{ check: 'github', level: 'ok', says: 'acme/shop, the credentials work' }]);
  const [revoked] = await find(machine, 'github', { ...env, GITHUB_TOKEN: 'ghp_old' });
  assert.equal(revoked?.level, 'warn');
  assert.match(revoked.says, /^acme\/shop: GitHub refuses the credentials/);
  assert.match(revoked.remedy ?? '', /permissions.*Deploys work without GitHub/);
  const [elsewhere] = await find(machine, 'github', { ...env, GITHUB_REPOSITORY: 'acme/other' });
  assert.match(elsewhere?.says ?? '', /knows no such repository/);
  const [wrong] = await find(machine, 'github', { ...env, GITHUB_REPOSITORY: 'shop' });
  assert.deepEqual([wrong?.level, /GITHUB_REPOSITORY/.test(wrong?.says ?? '')], ['fail', true]);
  const [nowhere] = await find(machine, 'github', { GITHUB_TOKEN: TOKEN });
  assert.equal(nowhere?.level, 'warn');
  assert.match(nowhere.says, /nothing is posted/);
  assert.deepEqual(gitHub.violations, []);
});

test('doctor looks at the webhook: settings, and whose the port is', async (t) => {
  const machine = await createMachine(t);
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  t.after(() => holder.close());
  const { port } = holder.address() as { port: number };
  const env = { GREENROOM_WEBHOOK_SECRET: SECRET, GREENROOM_WEBHOOK_PORT: String(port), GREENROOM_WEBHOOK_REPOSITORY: 'acme/shop' };
  assert.deepEqual(await find(machine, 'webhook', { GREENROOM_WEBHOOK_SECRET: '' }), []);
  const [taken] = await find(machine, 'webhook', env);
  assert.deepEqual([taken?.level, taken?.says], ['fail', `${port} is in use by another program`]);
  // The same port held by the process that the pid file names.
  const record = { pid: process.pid, start_ticks: readStat(process.pid)?.startTicks, boot_id: readBootId(), api_port: 9100 };
  await writeFile(layoutOf(machine.app.data).pidFile, JSON.stringify(record));
  const [ours] = await find(machine, 'webhook', env);
  assert.deepEqual([ours?.level, ours?.says], ['ok', `listens on 127.0.0.1:${port} for acme/shop`]);
  await new Promise((resolve) => holder.close(resolve));
  const [without] = await find(machine, 'webhook', env);
  assert.equal(without?.level, 'warn');
  assert.match(without.says, /nothing listens on .* started without these settings/);
  await writeFile(layoutOf(machine.app.data).pidFile, '{}');
  const [free] = await find(machine, 'webhook', env);
  assert.deepEqual([free?.level, free?.says], ['ok', `${port} is free, for acme/shop`]);
  const [short] = await find(machine, 'webhook', { ...env, GREENROOM_WEBHOOK_SECRET: 'short' });
  assert.deepEqual([short?.level, /at least 16 characters/.test(short?.says ?? '')], ['fail', true]);
});

test("doctor reaches the remote with the orchestrator's credentials, not with those of the user's git", async (t) => {
  const machine = await createMachine(t);
  const root = temporaryFolder(t, 'doctor-');
  git(root, 'init', '-q', '--bare', '-b', 'trunk', `${root}/shop.git`);
  git(root, 'clone', '-q', `${root}/shop.git`, `${root}/clone`);
  git(`${root}/clone`, '-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-q', '--allow-empty', '-m', 'one');
  git(`${root}/clone`, 'push', '-q', 'origin', 'HEAD:trunk');
  const server = await serveGit(t, root, { username: 'x-access-token', password: TOKEN });
  const url = server.url('shop.git');
  await registerApp(machine.home, { ...machine.app, repo: url });
  const where = ['--app', 'shop'];
  const look = async (env: NodeJS.ProcessEnv): Promise<Finding | undefined> => {
    const ran = await machine.greenroom(['doctor', '--json', ...where], { env: { GITHUB_TOKEN: '', GREENROOM_GIT_TOKEN: '', ...env } });
    assert.ok(!ran.stdout.includes(TOKEN));
    return (JSON.parse(ran.stdout) as { findings: Finding[] }).findings.find((it) => it.check === 'repository');
  };
  const reached = await look({ GREENROOM_GIT_TOKEN: TOKEN });
  assert.deepEqual([reached?.level, reached?.says], ['ok', `${url}, branch trunk`]);
  // What the user's own git would use helps the orchestrator nothing.
  const config = `${root}/gitconfig`;
  await writeFile(config, `[credential]\n\thelper = "!printf 'username=x-access-token\\npassword=${TOKEN}\\n'"\n`);
  const refused = await look({ GIT_CONFIG_GLOBAL: config });
  assert.equal(refused?.level, 'fail', JSON.stringify(refused));
  assert.match(refused.remedy ?? '', /GREENROOM_GIT_TOKEN.*Your own git's are not used/);
});
