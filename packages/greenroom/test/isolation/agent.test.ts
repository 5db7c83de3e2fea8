import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { prepareApp } from './isolated-app.ts';

test('the agent works as its user: what it makes is deployed, what it must not reach it does not', {
  skip: process.getuid?.() !== 0 && 'needs root',
}, async (t) => {
  const app = await prepareApp(t, (folder) => ({ agent: { command: `node ${join(folder, 'agent.cjs')}` } }));
  const { machine, layout } = app;
  copyFileSync(join(import.meta.dirname, 'acp-agent.cjs'), join(machine.folder, 'agent.cjs'));
  const isolated = await machine.greenroom(['isolate', '--app', 'shop']);
  assert.equal(isolated.code, 0, isolated.stderr);
  writeFileSync(layout.secrets, 'KEY=of the app\n', { mode: 0o600 });
  const orchestrator = await app.start('gr-shop');
  assert.ok((await app.client.deploy({ branch: 'main' })).success);
  const turn = async (code: string): Promise<string> => {
    const said = await machine.greenroom(['agent', code, '--app', 'shop'], { user: 'gr-shop', capable: true });
    assert.equal(said.code, 0, said.stdout + said.stderr + orchestrator.output());
    return said.stdout;
  };
  const uid = await machine.must('id', ['-u', 'gr-shop-agent']);

  const commit = `require('node:fs').writeFileSync('made-by-agent', ''); require('node:child_process').execFileSync('sh', ['-c', 'git add -A && git commit -qm Change']);`;
  const said = await turn(
    `${commit} return process.getuid() + ' ' + process.env.HOME + ' ' + require('node:fs').readFileSync(process.env.GREENROOM_CONTRACT, 'utf8').length`,
  );
  assert.match(said, new RegExp(`${uid} ${layout.data}/agent-home \\d+`));
  const deployed = await app.client.deploy({ branch: 'machine' });
  assert.ok(deployed.success && 'slot' in deployed, JSON.stringify(deployed));
  assert.equal(readFileSync(join(layout.slot(deployed.slot), 'made-by-agent'), 'utf8'), '');

  const reads = [layout.secrets, layout.journal, layout.state, join(layout.repo, 'config'), layout.transcript, layout.lock];
  const tried = await turn(
    `return ${JSON.stringify(reads)}.map((file) => { try { return file + require('node:fs').readFileSync(file); } catch (error) { return error.code; } }).join()`,
  );
  // Where there is a sandbox it does not even see them.
  assert.match(tried, new RegExp(reads.map(() => '(?:EACCES|ENOENT)').join()));

  // Links where Greenroom's own work in the clone would write, remove and read, before the next turn.
  const victim = join(machine.folder, 'victim.lock');
  writeFileSync(victim, 'untouched', { mode: 0o600 });
  await turn(
    `for (const name of ['greenroom-move.json', 'greenroom-move.json.new', 'index.lock', 'info']) { require('node:fs').rmSync('.git/' + name, { recursive: true, force: true }); require('node:fs').symlinkSync(${JSON.stringify(victim)}, '.git/' + name); } return 'planted'`,
  );
  app.commit({ 'by-people.txt': 'x' });
  await machine.greenroom(['agent', 'return 1', '--app', 'shop'], { user: 'gr-shop', capable: true });
  assert.equal(readFileSync(victim, 'utf8'), 'untouched');
  await orchestrator.end('SIGTERM');
});
