import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EventMessage } from '@greenroom/sdk/wire';
import { processesOf } from '../../../../bench/harness/leftovers.ts';
import { assertPortFree, instanceProcesses, openRig, pidOf, prepareRig, until, visitAllTheTime } from './rig.ts';

describe('the end of the orchestrator', { concurrency: 2 }, () => {
  test('a graceful stop frees the ports, ends the app after its requests, and start boots the live release again', async (t) => {
    const rig = await openRig(t);
    const commit = rig.commit({ name: 'one' });
    await rig.live(commit);
    const slow = rig.visit('/slow');
    await until(
      async () => (await rig.visit()).status === 200,
      () => 'visits',
    );
    assert.equal(await rig.stop(), 0);
    assert.deepEqual([(await slow).status, (await slow).body], [200, 'slow\n'], 'a request in flight is answered');
    await until(
      () => processesOf(rig.root).length === 0,
      () => `still running: ${processesOf(rig.root)}`,
    );
    for (const port of [rig.port, rig.internalPort, rig.apiPort]) await assertPortFree(port);
    await rig.start();
    const status = await rig.status();
    assert.deepEqual([status.live_commit, status.healthy], [commit, true]);
    assert.equal((await rig.visit()).body, 'one\n', 'ready means that the live release serves');
  });

  test('SIGUSR2 and --detach-app leave the app serving, and the next start takes the same process over', async (t) => {
    const rig = await prepareRig(t);
    await rig.start();
    await rig.live(rig.commit({ name: 'one' }));
    const pid = pidOf(await rig.status());
    const visits = visitAllTheTime(rig);
    for (const [signal, flags] of [
      ['SIGUSR2', ['--detach-app']],
      ['SIGTERM', []],
      ['SIGHUP', []],
    ] as const) {
      assert.equal(await rig.end(signal), 0, signal);
      assert.equal((await rig.visit()).body, 'one\n');
      await rig.start(flags);
      const status = await rig.status();
      assert.deepEqual([pidOf(status), status.healthy], [pid, true], `after ${signal}`);
    }
    assert.deepEqual(await visits.end(), [], 'nobody noticed');
    // Taken over means: still ended and replaced as one of its own.
    await rig.live(rig.commit({ name: 'two' }));
    await until(
      () => instanceProcesses(rig.data).size === 1,
      () => 'the adopted process was not retired',
    );
  });

  test('events go on where a reader stopped, over a restart, without loss or repetition', async (t) => {
    const rig = await openRig(t);
    const seen: EventMessage[] = [];
    const controller = new AbortController();
    t.after(() => controller.abort());
    const reading = (async () => {
      for await (const event of rig.client.events({ lastEventId: 0, signal: controller.signal })) seen.push(event);
    })();
    await rig.live(rig.commit({ name: 'one' }));
    await rig.kill();
    await rig.start();
    const { id } = await rig.live(rig.commit({ name: 'two' }));
    await until(
      () => seen.some((it) => it.type === 'published' && it.attempts.some((attempt) => attempt.id === id)),
      () => `seen: ${seen.map((it) => it.type)}`,
    );
    const numbers = seen.map((it) => it.seq);
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
      'every record once, in order',
    );
    // From the middle, by hand: everything after it and nothing before it.
    const middle = Math.floor(numbers.length / 2);
    const again: number[] = [];
    for await (const event of rig.client.events({ lastEventId: middle, signal: controller.signal })) {
      again.push(event.seq);
      if (event.seq >= numbers.length) break;
    }
    assert.deepEqual(again.slice(0, 2), [middle + 1, middle + 2]);
    assert.equal(again.length, numbers.length - middle);
    controller.abort();
    await reading;
    const { code, output } = await rig.cli(['log', '--verify']);
    assert.equal(code, 0, output);
  });
});
