import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { git } from '../../../bench/harness/repo.ts';
import { startLoad } from '../../../bench/load/load.ts';
import { ask } from '../../../packages/greenroom/test/e2e/ask.ts';
import { openRig } from '../../../packages/greenroom/test/e2e/rig.ts';

const POLL = join(import.meta.dirname, '..');
const CONTRACT = JSON.parse(readFileSync(join(POLL, 'app.contract.json'), 'utf8')) as Record<string, unknown>;

test('a Python app on SQLite is deployed, migrated and deployed again under load, and survives a swap', async (t) => {
  const { port: _port, internal_port: _internal, ...contract } = CONTRACT;
  const rig = await openRig(t, { contract });
  const shared = join(rig.data, 'shared', 'data');
  const migrate = (version: number): string =>
    execFileSync('python3', ['schema.py', String(version)], {
      cwd: rig.repo,
      env: { ...process.env, DATA_DIR: shared, PYTHONDONTWRITEBYTECODE: '1' },
      encoding: 'utf8',
    });
  for (const name of ['poll.py', 'schema.py', 'migrations', '.gitignore'])
    cpSync(join(POLL, name), join(rig.repo, name), { recursive: true });
  const commit = (subject: string): string => {
    git(rig.repo, 'add', '-A');
    git(rig.repo, 'commit', '-q', '--allow-empty', '-m', subject);
    return git(rig.repo, 'rev-parse', 'HEAD');
  };
  const first = commit('A poll');
  const refused = await rig.client.deploy({ commit: first });
  assert.ok(!refused.success && 'code' in refused);
  assert.match(refused.error, /at schema version 0.*supports versions 1 to 2/);
  assert.match(migrate(1), /applied 0001_begin\.sql\nthe schema is at version 1/);
  await rig.live(first);

  const cookie = String((await rig.visit('/')).headers['set-cookie']).split(';')[0] ?? '';
  const load = startLoad({
    url: `http://127.0.0.1:${rig.port}`,
    mix: { get: 1, 'get-new': 1 },
    paths: { get: '/', 'get-new': '/results.json' },
  });
  const vote = { port: rig.port, method: 'POST', path: '/vote', headers: { cookie }, body: 'choice=Tea' };
  assert.equal((await ask(vote)).status, 303);
  assert.match(migrate(2), /applied 0002_add_time\.sql/);
  const second = commit('The same, later');
  await rig.live(second);
  assert.match((await ask({ port: rig.port, path: '/', headers: { cookie } })).body, /Tea<\/button> 1 ✓/, 'the vote and whose it is');
  const back = await rig.client.rollback({});
  assert.ok(back.success, JSON.stringify(back));
  const report = await load.stop();
  assert.deepEqual(report.failures, []);
  assert.deepEqual(Object.keys(report.commits).sort(), [first, second].sort());

  const doctor = await rig.cli(['doctor', '--boot', '--json']);
  const { findings } = JSON.parse(doctor.output) as { findings: { level: string }[] };
  assert.deepEqual(
    findings.filter(({ level }) => level !== 'ok'),
    [],
  );
});
