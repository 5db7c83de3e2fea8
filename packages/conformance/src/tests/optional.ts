import assert from 'node:assert/strict';
import { jsonOf } from '../harness/http.ts';
import { kill } from '../harness/processes.ts';
import { until } from '../harness/wait.ts';
import type { ConformanceTest } from '../test.ts';
import { assertRefused, assertUntouched, liveNow } from './answers.ts';

const ROLLED_BACK_WITHIN_MS = 15_000;

export const optionalTests: ConformanceTest[] = [
  {
    name: 'the smoke test decides',
    covers: ['SMOKE-1'],
    feature: 'smoke',
    contract: { smoke_test_command: 'test -f smoke-passes' },
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1' }, { 'smoke-passes': '' });
      const before = await liveNow(world);
      const bad = await world.repository.commit({ version: 'v2' }, { files: { 'smoke-passes': null } });
      await must('SMOKE-1', async () => {
        assertRefused(await world.deploy(bad), 'smoke_failed');
        await assertUntouched(world, before);
      });
    },
  },
  {
    name: 'a dry run says what would happen and does nothing',
    covers: ['DRYRUN-1'],
    feature: 'dry_run',
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1' });
      const before = await liveNow(world);
      const commit = await world.repository.commit({ version: 'v2' });
      await must('DRYRUN-1', async () => {
        const answer = await world.api('POST', '/deploy', { commit, dry_run: true });
        assert.equal(answer.status, 200, answer.body.slice(0, 300));
        const plan = jsonOf(answer);
        assert.deepEqual([plan['dry_run'], plan['commit']], [true, commit]);
        const steps = plan['steps'];
        assert.ok(Array.isArray(steps) && steps.some((step: { step?: string }) => step.step === 'promote'), 'the plan has its steps');
        await assertUntouched(world, before);
        assert.equal(world.events().filter(({ event }) => event === 'start').length, 1, 'instances that were started');
      });
    },
  },
  {
    name: 'a release that dies while it is watched is rolled back',
    covers: ['WATCH-1'],
    feature: 'watch',
    contract: { watch_ms: 30_000 },
    async run({ world, must }) {
      await world.start();
      const first = await world.release({ version: 'v1' });
      await world.release({ version: 'v2' });
      const { pid } = await world.whoami();
      await world.setFlag('exit-v2', true);
      kill(pid, 'SIGKILL');
      await must('WATCH-1', async () => {
        await until('the previous release is served', ROLLED_BACK_WITHIN_MS, async () => (await world.whoami()).version === 'v1');
        assert.equal((await world.status()).live_commit, first.commit);
      });
    },
  },
];
