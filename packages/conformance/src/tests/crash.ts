import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { exchange } from '../harness/http.ts';
import { kill } from '../harness/processes.ts';
import { until } from '../harness/wait.ts';
import type { ConformanceTest } from '../test.ts';

/** Until an orchestrator notices that a health endpoint changed its mind. */
const NOTICED_WITHIN_MS = 15_000;
const RESTARTED_WITHIN_MS = 8_000;
const CRASH_LOOP_MS = 5_000;
/** 1 s, 2 s, 4 s... back-off leaves room for four starts in five seconds; a restart without back-off needs some 80 ms. */
const MOST_STARTS = 6;

export const crashTests: ConformanceTest[] = [
  {
    name: 'a live instance that exits is down, then back',
    covers: ['CRASH-1', 'CRASH-2', 'CRASH-3'],
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1' });
      const before = await world.whoami();
      kill(before.pid, 'SIGKILL');
      const seen = new Set<string>();
      let wasUnhealthy = false;
      const deadline = Date.now() + RESTARTED_WITHIN_MS;
      let served = 0;
      while (Date.now() < deadline && (served === 0 || served === before.pid)) {
        const answer = await exchange({ port: world.port, path: '/whoami' }).catch((error: Error) => error);
        if (answer instanceof Error) seen.add(answer.message);
        else if (answer.status === 200) served = Number(JSON.parse(answer.body).pid);
        else seen.add(`${answer.status}${answer.headers['retry-after'] ? ' with Retry-After' : ''}`);
        wasUnhealthy ||= served !== 0 ? false : !(await world.status()).healthy;
        await delay(20);
      }
      await must('CRASH-1', () => assert.ok(wasUnhealthy, '/status said "healthy" all the time'));
      await must('CRASH-2', async () => {
        assert.ok(served !== 0 && served !== before.pid, `no new instance within ${RESTARTED_WITHIN_MS} ms`);
        await until('/status says healthy again', NOTICED_WITHIN_MS, async () => (await world.status()).healthy);
      });
      await must('CRASH-3', () => assert.deepEqual([...seen], ['503 with Retry-After'], 'answers of `port` while nothing was live'));
    },
  },
  {
    name: 'a crash loop is slowed down and can be deployed out of',
    covers: ['CRASH-4', 'CRASH-5'],
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1' });
      const before = await world.whoami();
      await world.setFlag('exit-v1', true);
      const starts = (): number => world.events().filter(({ event }) => event === 'start').length;
      const startsBefore = starts();
      kill(before.pid, 'SIGKILL');
      await delay(CRASH_LOOP_MS);
      await must('CRASH-4', () => {
        const count = starts() - startsBefore;
        assert.ok(count >= 1 && count <= MOST_STARTS, `${count} starts in ${CRASH_LOOP_MS} ms`);
      });
      await must('CRASH-5', async () => {
        await world.release({ version: 'v2' });
        assert.equal((await world.whoami()).version, 'v2');
      });
    },
  },
  {
    name: 'healthy follows the health endpoint',
    covers: ['STATUS-4'],
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1' });
      await must('STATUS-4', async () => {
        await world.setFlag('unhealthy-v1', true);
        await until('/status says unhealthy', NOTICED_WITHIN_MS, async () => !(await world.status()).healthy);
        await world.setFlag('unhealthy-v1', false);
        await until('/status says healthy again', NOTICED_WITHIN_MS, async () => (await world.status()).healthy);
      });
    },
  },
];
