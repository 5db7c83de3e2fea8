import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, statfsSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ProxyStatus } from '@greenroom/sdk/proxy';
import { git } from '../../../../bench/harness/repo.ts';
import { proxyDirectory } from '../../src/home.ts';
import { ask } from '../e2e/ask.ts';
import { until } from '../e2e/rig.ts';
import { mountTmpfs, openReconcileRig, type ReconcileRig } from './rig.ts';

const DAY_MS = 86_400_000;

/** Alerts are written to the log when they are taken, however long their delivery is put off not to be a flood. */
async function alertCount(rig: ReconcileRig, title: string, count: number): Promise<void> {
  const taken = (): string[] =>
    rig
      .log()
      .split('\n')
      .flatMap((line) => / Alert: (.*)$/.exec(line)?.[1] ?? []);
  await until(
    () => taken().filter((it) => it === title).length === count,
    () => `not ${count} × "${title}": ${taken().join('; ')}`,
  );
}

const TAMPERED = 'Files of a release were changed outside of a deploy';
const MISMATCH = 'What runs is not what should be live';
const DISK = 'The disk is nearly full';
const SICK = 'The live release does not answer its health endpoint';

const rescues = (rig: ReconcileRig): string[] =>
  git(rig.layout.repo, 'for-each-ref', '--format=%(refname)', 'refs/greenroom/rescue').split('\n').filter(Boolean);

test('slots, route, health and disk are watched over', { timeout: 120_000 }, async (t) => {
  const rig = await openReconcileRig(t, {
    contract: { shared_paths: ['data/'], disk_threshold_percent: 80 },
    prepare: (data) => mountTmpfs(t, data, 120),
  });
  const one = rig.push({ name: 'one' });
  const two = rig.push({ name: 'two' });
  assert.ok((await rig.client.deploy({ commit: one })).success);
  assert.ok((await rig.client.deploy({ commit: two })).success);
  await rig.settles();
  const { live_slot, previous_slot } = await rig.status();
  const [live, previous] = [rig.layout.slot(live_slot || 'a'), rig.layout.slot(previous_slot || 'b')];
  const visit = (path = '/'): Promise<{ status: number; body: string }> => ask({ port: rig.port, path });

  await t.test('quiet: nothing is found', async () => {
    assert.deepEqual(await rig.reconcile(), []);
    assert.deepEqual([(await rig.status()).drift, rescues(rig)], [[], []]);
  });

  await t.test(
    'edits in both slots are found, kept and taken back, alerted about once; shared and ignored files are not touched',
    async () => {
      writeFileSync(join(live, 'server.cjs'), '// gone\n');
      writeFileSync(join(live, 'new file.txt'), 'untracked\n');
      rmSync(join(previous, 'behaviour.json'));
      writeFileSync(join(live, 'data', 'note.txt'), 'shared');
      writeFileSync(join(live, 'ignored.txt'), 'ignored');
      const [dry] = await rig.reconcile(true);
      assert.deepEqual([dry?.name, dry?.action, readFileSync(join(live, 'server.cjs'), 'utf8')], ['slot_changed', 'restore', '// gone\n']);
      await rig.reconcile();
      const found = await rig.drift('slot_changed');
      for (const part of [`slot ${live_slot}: new file.txt, server.cjs`, `slot ${previous_slot}: behaviour.json`]) {
        assert.ok(found?.detail.includes(part), found?.detail);
      }
      assert.notEqual(readFileSync(join(live, 'server.cjs'), 'utf8'), '// gone\n');
      assert.deepEqual([existsSync(join(live, 'new file.txt')), existsSync(join(previous, 'behaviour.json'))], [false, true]);
      assert.deepEqual([readFileSync(join(live, 'data', 'note.txt'), 'utf8'), existsSync(join(live, 'ignored.txt'))], ['shared', true]);
      const kept = rescues(rig);
      assert.equal(kept.length, 2);
      const texts = kept.map((ref) => git(rig.layout.repo, 'show', '--name-status', '--format=', ref));
      assert.deepEqual(texts.sort(), ['A\tnew file.txt\nM\tserver.cjs', 'D\tbehaviour.json']);
      assert.equal((await visit()).body, 'two\n');
      await alertCount(rig, TAMPERED, 1);
      assert.deepEqual(await rig.reconcile(), []);
      await alertCount(rig, `${TAMPERED}: over`, 1);
      assert.ok((await rig.client.rollback()).success, 'the previous slot boots');
      assert.ok((await rig.client.deploy({ commit: two })).success);
      await rig.settles();
    },
  );

  await t.test('a commit made in a slot, a slot without its git file, and a slot that is gone', async () => {
    const directory = rig.layout.slot((await rig.status()).previous_slot || 'b');
    git(directory, 'commit', '-q', '--allow-empty', '-m', 'Committed in the slot');
    await rig.reconcile();
    assert.match((await rig.drift('slot_changed'))?.detail ?? '', /HEAD/);
    assert.deepEqual(await rig.reconcile(), []);
    rmSync(join(directory, '.git'));
    writeFileSync(join(directory, 'server.cjs'), 'x');
    await rig.reconcile();
    assert.match((await rig.drift('slot_changed'))?.detail ?? '', /server\.cjs/);
    rmSync(directory, { recursive: true });
    await rig.reconcile();
    assert.match((await rig.drift('slot_changed'))?.detail ?? '', /slot [ab]/);
    assert.deepEqual(await rig.reconcile(), []);
    assert.ok(existsSync(join(directory, 'server.cjs')));
  });

  await t.test('a route that was changed behind our back is reported', async () => {
    const socket = join(proxyDirectory(rig.home), 'proxy.sock');
    const status = JSON.parse((await ask({ socket, path: '/' })).body) as ProxyStatus;
    const [app] = status.apps;
    assert.ok(app?.target);
    const name = encodeURIComponent(app.app);
    const elsewhere = { ...app.target, instance: 'somebody-elses' };
    assert.equal((await ask({ socket, method: 'PUT', path: `/apps/${name}/target`, body: elsewhere })).status, 200);
    await rig.reconcile();
    await rig.reconcile();
    assert.match((await rig.drift('live_mismatch'))?.detail ?? '', /Requests go to somebody-elses, but .* is live/);
    await alertCount(rig, MISMATCH, 1);
    assert.equal((await ask({ socket, method: 'PUT', path: `/apps/${name}/target`, body: app.target })).status, 200);
    assert.deepEqual(await rig.reconcile(), []);
    await alertCount(rig, `${MISMATCH}: over`, 1);
  });

  await t.test('a full disk: old logs and old rescues go, what is young, shared or running stays', async () => {
    const log = (name: string, ageMs: number): string => {
      const file = join(rig.layout.logs, name);
      writeFileSync(file, Buffer.alloc(1_000_000));
      utimesSync(file, (Date.now() - ageMs) / 1000, (Date.now() - ageMs) / 1000);
      return file;
    };
    const instance = (await rig.status()).slots.find((it) => it.role === 'live')?.instance ?? '';
    const [old, young, running] = [log('gone-1.log', 3 * DAY_MS), log('gone-2.log', 0), log(`${instance}.old.log`, 3 * DAY_MS)];
    const head = git(rig.layout.repo, 'rev-parse', 'refs/greenroom/live');
    for (let day = 1; day <= 25; day += 1) {
      git(
        rig.layout.repo,
        'update-ref',
        `refs/greenroom/rescue/machine/202001${String(day).padStart(2, '0')}T000000Z-${head.slice(0, 7)}`,
        head,
      );
    }
    const before = rescues(rig).length;
    const { bavail, bsize, blocks } = statfsSync(rig.data);
    writeFileSync(join(rig.layout.shared, 'data', 'ballast'), Buffer.alloc(Math.max(0, bavail * bsize - Math.floor(0.1 * blocks * bsize))));
    await rig.reconcile();
    assert.match((await rig.drift('disk_pressure'))?.detail ?? '', /disk_threshold_percent is 80/);
    assert.deepEqual([existsSync(old), existsSync(young), existsSync(running)], [false, true, true]);
    assert.deepEqual([before - rescues(rig).length, rescues(rig).length], [before - 20, 20]);
    assert.ok(existsSync(join(rig.layout.shared, 'data', 'ballast')));
    await rig.reconcile();
    await alertCount(rig, DISK, 1);
    rmSync(join(rig.layout.shared, 'data', 'ballast'));
    assert.deepEqual(await rig.reconcile(), []);
    await alertCount(rig, `${DISK}: over`, 1);
  });

  await t.test('a live release that does not answer its health endpoint is alerted about, and its files are left alone', async () => {
    assert.equal((await visit('/sick')).status, 200);
    await rig.reconcile();
    await rig.reconcile();
    assert.match((await rig.drift('live_unhealthy'))?.detail ?? '', /does not hold: .*503/);
    await alertCount(rig, SICK, 1);
    assert.equal((await visit()).status, 200);
    assert.ok((await rig.client.rollback()).success);
    await rig.settles();
    await rig.reconcile();
    assert.equal(await rig.drift('live_unhealthy'), undefined);
    await alertCount(rig, `${SICK}: over`, 1);
  });
});
