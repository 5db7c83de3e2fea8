import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { processesOf } from '../../../../bench/harness/leftovers.ts';
import { instanceProcesses, openRig, pidOf, until } from './rig.ts';

const CHECK = { method: 'GET', path: '/deep', expect: { status: 200, json: { database: 'ok', tables: { notes: 1 } } } };

describe('bad apps', { concurrency: 2 }, () => {
  test('apps that do not start well are refused with evidence, the live release serves on, and nothing of them stays', async (t) => {
    const rig = await openRig(t, { contract: { health_timeout_ms: 4_000, health_test_payload: CHECK } });
    await rig.live(rig.commit({ name: 'good' }));
    const folders = (): string[][] => ['.', 'run', 'shared'].map((name) => readdirSync(join(rig.data, name)).sort());
    const foldersAtRest = async (): Promise<string[][]> => {
      let found: string[][] = [];
      await until(
        () => {
          // The state is written beside its file, and only then takes its place.
          found = folders();
          return !found.flat().some((name) => name.endsWith('.tmp'));
        },
        () => `temporary files stay: ${found.flat().filter((name) => name.endsWith('.tmp'))}`,
      );
      return found;
    };

    await t.test('never listens', async () => {
      const { evidence } = await rig.refused(
        { commit: rig.commit({ neverListens: true }) },
        { code: 'health_timeout', step: 'probe', error: /\/healthz within 4000 ms/ },
      );
      assert.ok(evidence?.log_tail?.includes('waiting for nothing'));
      assert.match(evidence?.request?.url ?? '', /\/healthz$/);
      assert.match(evidence?.remedy ?? '', /PORT/);
    });

    await t.test('exits at once: its last output is the evidence, and nobody waits for the timeout', async () => {
      const { evidence } = await rig.refused(
        { commit: rig.commit({ exits: 'Cannot find module "left-pad"' }) },
        { code: 'boot_exited', step: 'boot', error: /exited with code 3/ },
      );
      assert.deepEqual(evidence?.exit?.code, 3);
      assert.ok(evidence?.log_tail?.includes('Cannot find module "left-pad"'));
      assert.ok(statSync(evidence?.log_file ?? '').size > 0);
    });

    await t.test('goes into the background: told so, and the daemon is ended', async () => {
      const { evidence } = await rig.refused(
        { commit: rig.commit({ daemon: true }) },
        { code: 'boot_exited', error: /exited with code 0/ },
      );
      assert.match(evidence?.remedy ?? '', /start_command .* foreground/);
    });

    await t.test('exits after it was healthy, before it passed', async () => {
      const { evidence } = await rig.refused(
        { commit: rig.commit({ exitsAtDeepCheck: true }) },
        { code: 'boot_exited', error: /exited with code 4/ },
      );
      assert.ok(evidence?.log_tail?.includes('no database'));
    });

    await t.test('answers 500 at the health endpoint', async () => {
      const { evidence } = await rig.refused({ commit: rig.commit({ health: 500 }) }, { code: 'health_timeout', step: 'probe' });
      assert.equal(evidence?.request?.status, 500);
      assert.equal(evidence?.request?.body, 'health\n');
    });

    await t.test('fails the deep check by status, by body, by a field', async () => {
      const byStatus = await rig.refused(
        { commit: rig.commit({ deepStatus: 500 }) },
        { code: 'deep_check_failed', step: 'probe', error: /status 500 instead of 200/ },
      );
      assert.equal(byStatus.evidence?.request?.status, 500);
      await rig.refused({ commit: rig.commit({ deepBody: '<p>hello</p>' }) }, { code: 'deep_check_failed', error: /not JSON/ });
      const byField = await rig.refused(
        { commit: rig.commit({ deepBody: '{"database":"ok","tables":{"notes":0}}' }) },
        { code: 'deep_check_failed', error: /tables\.notes is 0 instead of 1/ },
      );
      assert.match(byField.evidence?.request?.body ?? '', /"notes":0/);
    });

    await t.test('a start command that does not exist in the commit', async () => {
      const commit = rig.commit({}, { 'server.cjs': 'syntax error here' });
      const { evidence } = await rig.refused({ commit }, { code: 'boot_exited', step: 'boot' });
      assert.match(evidence?.log_tail?.join('\n') ?? '', /SyntaxError/);
    });

    await t.test('no files of them stay but logs', async () => {
      // The second slot comes into being with the first of these deploys.
      const before = await foldersAtRest();
      await rig.refused({ commit: rig.commit({ exits: 'once more' }) }, { code: 'boot_exited' });
      assert.deepEqual(await foldersAtRest(), before);
    });
  });

  test('apps with bad habits go live, serve, and are ended with everything they started', async (t) => {
    const rig = await openRig(t, { contract: { health_timeout_ms: 10_000, drain_timeout_ms: 1_000 } });

    await t.test('listens late', async () => {
      await rig.live(rig.commit({ name: 'late', listensAfterMs: 700 }));
      assert.equal((await rig.visit()).body, 'late\n');
    });

    await t.test('ignores SIGTERM: killed when its drain is over', async () => {
      await rig.live(rig.commit({ name: 'stubborn', ignoresSigterm: true }));
      const pid = pidOf(await rig.status());
      await rig.live(rig.commit({ name: 'next' }));
      await until(
        () => !processesOf(rig.data).includes(pid),
        () => `process ${pid} has not ended`,
      );
    });

    await t.test('forks children, in its group and in sessions of their own', async () => {
      await rig.live(rig.commit({ name: 'parent', forks: [false, true, true] }));
      const family = [...instanceProcesses(rig.data).values()].find((pids) => pids.length >= 4);
      assert.equal(family?.length, 4, JSON.stringify([...instanceProcesses(rig.data)]));
      await rig.live(rig.commit({ name: 'after the parent' }));
      await until(
        () => processesOf(rig.data).every((pid) => !family.includes(pid)),
        () => `of ${family} run ${processesOf(rig.data)}`,
      );
    });

    await t.test('floods its log: cut, and nothing waits for it', async () => {
      await rig.live(rig.commit({ name: 'loud', floods: 30 * 1024 * 1024 }));
      assert.equal((await rig.visit()).body, 'loud\n');
      const { slots } = await rig.status();
      const log = `${rig.data}/logs/${slots.find((it) => it.role === 'live')?.instance}.log`;
      await until(
        () => statSync(log).size < 11 * 1024 * 1024,
        () => `${log} has ${statSync(log).size} bytes`,
      );
    });
  });
});
