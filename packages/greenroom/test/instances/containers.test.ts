import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { checkContainers } from '../../src/orchestrator/adapters/containers/check.ts';
import { contractSchema } from '../../src/orchestrator/core/contract.ts';
import { buildNodeImage, IMAGE, openPodman, withoutPodman } from './podman.ts';
import { COMMIT, carriers, DRAINS, makeRig, newId, openInstances, PROCESSES, SERVER, type Tested, until, untilLogged } from './rig.ts';
import { adoptSuite } from './suite/adopt.ts';
import { bootSuite } from './suite/boot.ts';
import { afterCrash } from './suite/crash.ts';
import { stopSuite } from './suite/stop.ts';

const CONTAINERS: Tested = {
  name: 'container',
  contract: { runner: { kind: 'container', image: IMAGE } },
  home: '/tmp',
  added: ['HOSTNAME', 'TERM', 'container'],
  adoptedExit: 'ended by SIGTERM',
  processes: 2,
  rounds: 2,
  bootMs: 600,
};

const reason = withoutPodman();

if (reason !== '') test('instances as containers', { skip: reason }, () => undefined);
else {
  const podman = openPodman();
  after(podman.remove);
  buildNodeImage(podman);
  bootSuite(CONTAINERS);
  stopSuite(CONTAINERS);
  adoptSuite(CONTAINERS);

  test('a program without a way to hand the log on passes the output on itself', async (t) => {
    const rig = makeRig(t, {
      tested: { ...CONTAINERS, contract: { runner: { kind: 'container', program: 'docker', image: IMAGE } } },
      files: { 'app.cjs': DRAINS },
    });
    const instance = await rig.boot();
    await untilLogged(rig, instance, 'listening');
    assert.equal((await rig.instances.stop(instance.instance, 5_000)).code, 0);
    await untilLogged(rig, instance, 'drained');
    assert.deepEqual(carriers(rig.layout), []);
  });

  test('an instance over its limit of memory is killed, alone', async (t) => {
    const hungry = `const kept = []; ${SERVER} setInterval(() => kept.push(Buffer.alloc(2e7, 1)), 50);`;
    const rig = makeRig(t, { tested: CONTAINERS, files: { 'app.cjs': hungry }, contract: { limits: { app: { memory_mb: 120 } } } });
    await rig.boot();
    await until('the exit is told', () => rig.exits.length > 0);
    assert.equal(rig.exits[0]?.exit.signal, 'SIGKILL');
  });

  test('what cannot be started is a failure that says why, and leaves no container', async (t) => {
    const rig = makeRig(t, { tested: CONTAINERS, contract: { runner: { kind: 'container', image: 'localhost/no-such-image' } } });
    const refused = await rig.instances.boot({ instance: newId(), slot: 'a', commit: COMMIT });
    assert.match(refused.ok ? '' : refused.failure.error, /localhost\/no-such-image is not on this machine\. Run: podman pull/);
    const other = makeRig(t, { tested: CONTAINERS });
    const failed = await other.instances.boot({ instance: newId(), slot: 'b', commit: COMMIT });
    assert.match(failed.ok ? '' : failed.failure.error, /The container could not be started: .*deploy-b/);
    assert.equal(podman.run('ps', '--all', '--quiet').trim(), '');
  });

  test('what containers lack is said with what to do', async (t) => {
    const { contract, layout } = makeRig(t, { tested: CONTAINERS });
    const check = (image: string): ReturnType<typeof checkContainers> =>
      checkContainers({ app: 'rig', layout, contract: { ...contract, runner: { ...contract.runner, image } } });
    assert.equal(await check(IMAGE), null);
    const absent = await check('localhost/no-such-image');
    assert.deepEqual(absent, {
      says: 'the image localhost/no-such-image is not on this machine',
      remedy: 'Run as this user: podman pull localhost/no-such-image',
    });
    const path = process.env['PATH'];
    process.env['PATH'] = layout.data;
    t.after(() => {
      process.env['PATH'] = path;
    });
    assert.match((await check(IMAGE))?.says ?? '', /"podman" was not found on PATH/);
    process.env['PATH'] = path;
    assert.equal(podman.run('ps', '--all', '--quiet').trim(), '');
  });

  test('an instance started as a container is adopted when the contract asks for processes, and the other way round', async (t) => {
    const files = { 'app.cjs': SERVER };
    for (const [before, now] of [
      [CONTAINERS, PROCESSES],
      [PROCESSES, CONTAINERS],
    ] as const) {
      const { rig, booted } = await afterCrash(t, 1, { tested: before, files });
      const next = openInstances(rig.layout, contractSchema.parse({ ...rig.contract, runner: {}, ...now.contract }));
      assert.deepEqual(await next.adopt(), booted);
      await next.stop(booted[0]?.instance ?? '', 2_000);
      next.close();
      assert.deepEqual(carriers(rig.layout), []);
    }
  });
}
