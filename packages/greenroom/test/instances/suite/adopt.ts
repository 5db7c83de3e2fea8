import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Instance } from '../../../src/orchestrator/ports.ts';
import { parseEnviron, readEnviron } from '../../../src/proc.ts';
import { carriers, makeRig, openInstances, SERVER, type Tested, until } from '../rig.ts';
import { afterCrash, startHost } from './crash.ts';

/** What happens to instances whose orchestrator was killed. */
export function adoptSuite(tested: Tested): void {
  test(`${tested.name}: instances of a killed orchestrator are adopted, serve on, and can be stopped`, async (t) => {
    const { rig, booted } = await afterCrash(t, 2, { tested, files: { 'app.cjs': SERVER } });
    assert.deepEqual(byId(await rig.instances.adopt()), byId(booted));
    assert.deepEqual(byId(rig.instances.all()), byId(booted));
    const [one, other] = booted;
    assert.ok(one && other);
    assert.equal((await rig.instances.stop(one.instance, 2_000)).description, tested.adoptedExit);
    assert.equal((await fetch(`http://127.0.0.1:${other.port}/`)).status, 200);
    process.kill(other.pid, 'SIGKILL');
    await until('the exit of the other one is told', () => rig.exits.length === 2, 3_000);
    assert.deepEqual(
      rig.exits.map((exit) => exit.instance),
      [one.instance, other.instance],
    );
    assert.deepEqual(rig.exits[1]?.logTail, ['listening']);
  });

  test(`${tested.name}: an instance that ended meanwhile is recorded as ended, and what it left behind is killed`, async (t) => {
    const app = `require('node:child_process').spawn('sleep', ['1000'], { detached: true });${SERVER}`;
    const { rig, booted } = await afterCrash(t, 1, { tested, files: { 'app.cjs': app } });
    const [instance] = booted;
    assert.ok(instance);
    await until('the daemon runs', () => carriers(rig.layout).length === tested.processes + 1);
    process.kill(instance.pid, 'SIGKILL');
    await until('the leader is gone', () => !carriers(rig.layout).includes(instance.pid));
    assert.deepEqual(await rig.instances.adopt(), []);
    assert.deepEqual(carriers(rig.layout), []);
    assert.equal((await rig.instances.stop(instance.instance, 1_000)).description, 'ended while the orchestrator was away');
  });

  test(`${tested.name}: adopting leaves an app of the same name in another data directory alone`, async (t) => {
    const other = await afterCrash(t, 1, { tested, files: { 'app.cjs': SERVER } });
    const rig = makeRig(t, { tested });
    assert.deepEqual(await rig.instances.adopt(), []);
    assert.equal(carriers(other.rig.layout).length, tested.processes);
    assert.equal((await other.rig.instances.adopt()).length, 1);
  });

  test(`${tested.name}: an orchestrator killed at any moment of booting leaves nothing that is not found`, async (t) => {
    const rig = makeRig(t, { tested, files: { 'app.cjs': SERVER } });
    for (let round = 0; round < tested.rounds; round++) {
      const host = startHost(t, rig, 1_000);
      await until('it boots', () => readdirSync(rig.layout.instances).length > 0);
      await sleep(randomInt(tested.bootMs));
      host.kill('SIGKILL');
      await once(host, 'exit');
      const next = openInstances(rig.layout, rig.contract);
      const adopted = await next.adopt();
      const running = new Set(
        carriers(rig.layout).map((pid) => parseEnviron(readEnviron(pid) ?? Buffer.alloc(0)).get('GREENROOM_INSTANCE')),
      );
      assert.deepEqual(adopted.map(({ instance }) => instance).toSorted(), [...running].toSorted());
      await Promise.all(adopted.map(({ instance }) => next.stop(instance, 0)));
      next.close();
      assert.deepEqual(carriers(rig.layout), []);
      for (const name of readdirSync(rig.layout.instances)) rmSync(join(rig.layout.instances, name));
    }
  });
}

function byId(instances: Instance[]): Instance[] {
  return instances.toSorted((one, other) => one.instance.localeCompare(other.instance));
}
