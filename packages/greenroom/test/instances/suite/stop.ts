import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DRAINS, IGNORES_SIGTERM, makeRig, SERVER, type Tested, untilLogged } from '../rig.ts';

/** How an instance is ended. */
export function stopSuite(tested: Tested): void {
  test(`${tested.name}: SIGTERM lets an app finish, and the answer waits for it`, async (t) => {
    const rig = makeRig(t, { tested, files: { 'app.cjs': DRAINS } });
    const instance = await rig.boot();
    await untilLogged(rig, instance, 'listening');
    assert.deepEqual(await rig.instances.stop(instance.instance, 5_000), { code: 0, signal: null, description: 'exited with code 0' });
    assert.ok((await rig.instances.tail(instance.instance, 5)).includes('drained'));
    assert.equal(rig.exits.length, 1);
  });

  test(`${tested.name}: an app without a handler ends by SIGTERM`, async (t) => {
    const rig = makeRig(t, { tested, files: { 'app.cjs': SERVER } });
    const instance = await rig.boot();
    await untilLogged(rig, instance, 'listening');
    assert.equal((await rig.instances.stop(instance.instance, 5_000)).signal, 'SIGTERM');
  });

  test(`${tested.name}: an app that ignores SIGTERM is killed at the grace, not before`, async (t) => {
    const rig = makeRig(t, { tested, files: { 'app.cjs': IGNORES_SIGTERM } });
    const instance = await rig.boot();
    await untilLogged(rig, instance, 'listening');
    const start = performance.now();
    assert.equal((await rig.instances.stop(instance.instance, 400)).signal, 'SIGKILL');
    const took = performance.now() - start;
    assert.ok(took >= 400 && took < 2_000, `${took} ms`);
  });

  test(`${tested.name}: grace 0 kills at once, and shortens a stop under way`, async (t) => {
    const rig = makeRig(t, { tested, files: { 'app.cjs': IGNORES_SIGTERM } });
    const instance = await rig.boot();
    await untilLogged(rig, instance, 'listening');
    const start = performance.now();
    const slow = rig.instances.stop(instance.instance, 60_000);
    await untilLogged(rig, instance, 'no');
    const reasons = await Promise.all([slow, rig.instances.stop(instance.instance, 0)]);
    assert.deepEqual(
      reasons.map((exit) => exit.signal),
      ['SIGKILL', 'SIGKILL'],
    );
    assert.ok(performance.now() - start < 5_000);
    assert.equal(rig.exits.length, 1);
  });

  test(`${tested.name}: stopping what never ran answers at once`, async (t) => {
    const rig = makeRig(t, { tested });
    assert.equal((await rig.instances.stop('unknown', 1_000)).description, 'was not running');
    assert.equal((await rig.instances.stop('../../etc', 1_000)).description, 'was not running');
  });
}
