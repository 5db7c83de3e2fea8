import assert from 'node:assert/strict';
import { jsonOf } from '../harness/http.ts';
import { lossOf, startLoad } from '../harness/load.ts';
import type { ConformanceTest } from '../test.ts';
import { assertRefused, assertUntouched, liveNow } from './answers.ts';

export const rollbackTests: ConformanceTest[] = [
  {
    name: 'without a previous release a rollback is refused',
    covers: ['ROLLBACK-1'],
    async run({ world, must }) {
      await world.start();
      await must('ROLLBACK-1', async () => assertRefused(await world.api('POST', '/rollback'), 'no_previous_release'));
      await world.release({ version: 'v1' });
      const before = await liveNow(world);
      await must('ROLLBACK-1', async () => {
        assertRefused(await world.api('POST', '/rollback'), 'no_previous_release');
        await assertUntouched(world, before);
      });
    },
  },
  {
    name: 'a rollback returns to the previous release, and goes where previous_commit points',
    covers: ['ROLLBACK-2', 'ROLLBACK-3', 'ROLLBACK-4'],
    async run({ world, must }) {
      await world.start();
      const first = await world.release({ version: 'v1' });
      await world.release({ version: 'v2' });
      const load = startLoad(world.port);
      const answer = await world.api('POST', '/rollback').finally(() => load.stop());
      const report = await load.stop();
      await must('ROLLBACK-2', async () => {
        assert.equal(answer.status, 200, answer.body.slice(0, 300));
        const { success, commit, slot } = jsonOf(answer);
        assert.deepEqual({ success, commit, slot }, { success: true, commit: first.commit, slot: first.answer['slot'] });
        assert.equal((await world.whoami()).version, 'v1');
        const status = await world.status();
        assert.deepEqual([status.live_commit, status.live_slot, status.healthy], [first.commit, first.answer['slot'], true]);
      });
      await must('ROLLBACK-4', () => assert.equal(lossOf(report), ''));
      await must('ROLLBACK-3', async () => {
        const { previous_commit } = await world.status();
        const before = await liveNow(world);
        const again = await world.api('POST', '/rollback');
        if (previous_commit === '') {
          assertRefused(again, 'no_previous_release');
          await assertUntouched(world, before);
        } else {
          assert.equal(again.status, 200, again.body.slice(0, 300));
          assert.equal(jsonOf(again)['commit'], previous_commit, 'commit of the second rollback');
          assert.equal((await world.status()).live_commit, previous_commit);
        }
      });
    },
  },
  {
    name: 'a previous release that is unhealthy by now does not go live',
    covers: ['ROLLBACK-5'],
    contract: { health_timeout_ms: 1_200 },
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1' });
      await world.release({ version: 'v2' });
      const before = await liveNow(world);
      await world.setFlag('unhealthy-v1', true);
      await must('ROLLBACK-5', async () => {
        assertRefused(await world.api('POST', '/rollback'));
        await assertUntouched(world, before);
      });
    },
  },
];
