import assert from 'node:assert/strict';
import { exchange } from '../harness/http.ts';
import { alive } from '../harness/processes.ts';
import { until } from '../harness/wait.ts';
import { DRAIN_TIMEOUT_MS, SLACK_MS } from '../harness/world.ts';
import type { ConformanceTest } from '../test.ts';

const RETIRED_WITHIN_MS = DRAIN_TIMEOUT_MS + SLACK_MS;
const IN_FLIGHT_MS = 1_200;

export const retireTests: ConformanceTest[] = [
  {
    name: 'a request in flight at the swap is finished by the old instance',
    covers: ['RETIRE-1', 'RETIRE-2'],
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1' });
      const old = await world.whoami();
      const slow = exchange({ port: world.port, path: `/slow?ms=${IN_FLIGHT_MS}` });
      slow.catch(() => 'judged below');
      await world.event('the slow request is in the app', ({ event }) => event === 'slow');
      await world.release({ version: 'v2' });
      await must('RETIRE-1', async () => {
        const { status, body } = await slow;
        assert.deepEqual({ status, body }, { status: 200, body: 'begin v1\nend v1\n' });
      });
      await must('RETIRE-2', () => until('the old process is gone', RETIRED_WITHIN_MS, () => !alive(old.pid)).then(() => undefined));
    },
  },
  {
    name: 'the old instance is asked by SIGTERM first',
    covers: ['RETIRE-3'],
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1', sigterm: 'exit' });
      const old = await world.whoami();
      await world.release({ version: 'v2' });
      await must('RETIRE-3', async () => {
        await until('the old process is gone', RETIRED_WITHIN_MS, () => !alive(old.pid));
        assert.ok(
          world.events().some(({ event, version }) => event === 'sigterm' && version === 'v1'),
          'the old instance got no SIGTERM',
        );
      });
    },
  },
  {
    name: 'an instance that ignores SIGTERM is killed',
    covers: ['RETIRE-4'],
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1', sigterm: 'ignore' });
      const old = await world.whoami();
      await world.release({ version: 'v2' });
      await must('RETIRE-4', () => until('the stubborn process is gone', RETIRED_WITHIN_MS, () => !alive(old.pid)).then(() => undefined));
    },
  },
  {
    name: 'descendants of the old instance are gone with it',
    covers: ['RETIRE-5'],
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1', children: true });
      const children = world.events().flatMap(({ child }) => (child ? [child] : []));
      assert.equal(children.length, 2);
      await world.release({ version: 'v2' });
      await must('RETIRE-5', () =>
        until('children are gone, the one in its own session too', RETIRED_WITHIN_MS, () => !children.some(alive)).then(() => undefined),
      );
    },
  },
  {
    name: 'a stream that never ends does not hold the deploy or the old instance',
    covers: ['RETIRE-6', 'RETIRE-7'],
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1' });
      const old = await world.whoami();
      const stream = exchange({ port: world.port, path: '/stream' });
      stream.catch(() => 'how it ends is judged by the next test');
      await world.event('the stream is open', ({ event }) => event === 'stream');
      const begun = Date.now();
      await world.release({ version: 'v2' });
      const answeredMs = Date.now() - begun;
      await must('RETIRE-6', () => until('the old process is gone', RETIRED_WITHIN_MS, () => !alive(old.pid)).then(() => undefined));
      await must('RETIRE-7', () => {
        assert.ok(
          answeredMs < DRAIN_TIMEOUT_MS,
          `the deploy answered after ${answeredMs} ms, with a drain limit of ${DRAIN_TIMEOUT_MS} ms`,
        );
      });
    },
  },
  {
    name: 'a stream that is given up is ended properly',
    covers: ['RETIRE-8'],
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1' });
      let seen = '';
      exchange({ port: world.port, path: '/stream' }).then(
        ({ status, body }) => {
          seen = `${status} ${body.slice(0, 8)}`;
        },
        (error: Error) => {
          seen = error.message;
        },
      );
      await world.event('the stream is open', ({ event }) => event === 'stream');
      await world.release({ version: 'v2' });
      await must('RETIRE-8', async () => {
        await until('the stream ends', RETIRED_WITHIN_MS, () => seen !== '');
        assert.equal(seen, '200 data: v1', 'the stream as its client saw it');
      });
    },
  },
];
