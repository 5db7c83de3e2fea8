import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCaddyRig } from '../router/suite/caddy-rig.ts';
import { deployReturnAndDie } from './behind-proxy.ts';
import { assertPortFree, openRig, until } from './rig.ts';

for (const upstream of ['socket', 'port'] as const) {
  test(`behind Caddy by ${upstream}: deploys, a rollback, and the end of everything but the app`, { timeout: 120_000 }, async (t) => {
    const caddy = await startCaddyRig(t, { upstream });
    const rig = await openRig(t, { contract: { router: { kind: 'caddy', admin: caddy.admin, upstream } } });
    const { one, visits } = await deployReturnAndDie(rig);
    const failures = await visits.end();
    // A change of Caddy's configuration resets what comes in that moment.
    if (upstream === 'socket') assert.deepEqual(failures, [], 'nobody noticed');

    // Caddy has forgotten everything, and nobody is there to tell it.
    await caddy.kill();
    await rig.start();
    assert.equal((await rig.status()).live_commit, one);
    assert.equal((await rig.visit()).body, 'one\n');
    await rig.live(rig.commit({ name: 'three' }));
    await caddy.kill();
    await until(
      async () => (await rig.visit().catch(() => null))?.body === 'three\n',
      () => 'the routes were not put back',
    );
    assert.equal(await rig.stop(), 0);
    for (const port of [rig.port, rig.internalPort]) await assertPortFree(port);
    const { text } = await caddy.call('GET', '/config/apps/http/servers');
    assert.doesNotMatch(text, /greenroom/);
  });
}
