import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { jsonOf } from '../harness/http.ts';
import { lossOf, startLoad } from '../harness/load.ts';
import { canListen } from '../harness/ports.ts';
import { alive, kill } from '../harness/processes.ts';
import { until } from '../harness/wait.ts';
import { DRAIN_TIMEOUT_MS, SLACK_MS, type World } from '../harness/world.ts';
import type { ConformanceTest } from '../test.ts';
import { liveNow } from './answers.ts';

const SETTLED_WITHIN_MS = DRAIN_TIMEOUT_MS + SLACK_MS;

export const recoverTests: ConformanceTest[] = [
  {
    name: 'the app outlives a killed orchestrator, and the next one takes it over',
    covers: ['RECOVER-1', 'RECOVER-2', 'RECOVER-3'],
    async run({ world, must }) {
      await world.start();
      const first = await world.release({ version: 'v1' });
      await world.release({ version: 'v2' });
      const before = await liveNow(world);
      const load = startLoad(world.port);
      await world.crash();
      await delay(300);
      await world.start().finally(() => load.stop());
      const report = await load.stop();
      await must('RECOVER-1', () => {
        assert.equal(lossOf(report), '');
        assert.deepEqual(report.versions, ['v2']);
      });
      await must('RECOVER-2', async () => {
        assert.deepEqual(await liveNow(world), before, 'commit, version and process that are live');
        assert.ok((await world.status()).healthy, 'healthy');
      });
      await must('RECOVER-3', async () => {
        const answer = await world.api('POST', '/rollback');
        assert.equal(answer.status, 200, answer.body.slice(0, 300));
        assert.equal(jsonOf(answer)['commit'], first.commit);
        assert.equal((await world.whoami()).version, 'v1');
      });
    },
  },
  interruptedDeploy('while the candidate boots', 'RECOVER-4', (world) =>
    world.event('the candidate has started', ({ event, version }) => event === 'start' && version === 'v2').then(() => undefined),
  ),
  interruptedDeploy('while the old instance drains', 'RECOVER-5', (world) =>
    until('the candidate is served', SETTLED_WITHIN_MS, async () => (await world.whoami()).version === 'v2').then(() => undefined),
  ),
  {
    name: 'after a power-off the live release is booted again',
    covers: ['RECOVER-7'],
    async run({ world, must }) {
      await world.start();
      const { commit } = await world.release({ version: 'v1' });
      const { pid } = await world.whoami();
      await world.crash();
      kill(pid, 'SIGKILL');
      await until('the app is dead', SETTLED_WITHIN_MS, () => !alive(pid));
      await world.start();
      await must('RECOVER-7', async () => {
        const live = await until('the app is served again', SETTLED_WITHIN_MS, () => liveNow(world));
        assert.deepEqual([live.commit, live.version], [commit, 'v1']);
      });
    },
  },
  {
    name: 'SIGTERM stops the app and frees the ports',
    covers: ['STOP-1'],
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1', sigterm: 'exit' });
      const { pid } = await world.whoami();
      await must('STOP-1', async () => {
        const { code } = await world.stop();
        assert.equal(code, 0, 'exit code after SIGTERM');
        assert.ok(!alive(pid), 'the app still runs');
        await until(
          'port and internal_port are free',
          SLACK_MS,
          async () => (await canListen(world.port)) && (await canListen(world.internalPort)),
        );
      });
    },
  },
  {
    name: 'nothing is left running after SIGTERM',
    covers: ['STOP-2'],
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1', children: true });
      await world.release({ version: 'v2', children: true });
      const children = world.events().flatMap(({ child }) => (child ? [child] : []));
      await world.stop();
      await must('STOP-2', () => until('children are gone', SLACK_MS, () => !children.some(alive)).then(() => undefined));
    },
  },
];

/** Kills the orchestrator inside a deploy from v1 to v2; afterwards one of them is live, whole, and nothing else runs. */
function interruptedDeploy(when: string, requirement: string, reached: (world: World) => Promise<void>): ConformanceTest {
  return {
    name: `a deploy that is cut off by a kill ${when}`,
    covers: [requirement],
    async run({ world, must }) {
      await world.start();
      const first = await world.release({ version: 'v1', sigterm: 'ignore' });
      const second = await world.repository.commit({ version: 'v2', boot_ms: 500, children: true });
      const load = startLoad(world.port);
      try {
        const cut = world.deploy(second).catch((error: Error) => error);
        await reached(world);
        await world.crash();
        await cut;
        await world.start();
      } finally {
        await load.stop();
      }
      const report = await load.stop();
      await must(requirement, async () => {
        assert.equal(lossOf(report), '');
        const live = await liveNow(world);
        const expected = live.version === 'v2' ? second : first.commit;
        assert.equal(live.commit, expected, `/status says ${live.commit}, but ${live.version} is served`);
        await until('one instance runs', SETTLED_WITHIN_MS, () => world.instances().length === 1);
        assert.deepEqual(world.instances(), [live.pid], 'the instance that runs is the live one');
        const strangers = world.events().flatMap(({ child, version }) => (child && version !== live.version ? [child] : []));
        await until('children of the instance that is gone are gone too', SETTLED_WITHIN_MS, () => !strangers.some(alive));
        const { commit } = await world.release({ version: 'v3' });
        assert.equal((await liveNow(world)).commit, commit, 'the next deploy works');
      });
    },
  };
}
