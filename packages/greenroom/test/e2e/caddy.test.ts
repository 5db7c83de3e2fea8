import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CaddyRig, startCaddyRig } from '../router/suite/caddy-rig.ts';
import { deployReturnAndDie } from './behind-proxy.ts';
import { assertPortFree, openRig, type Rig, until } from './rig.ts';

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
    if (upstream === 'socket') await deployBehindDead(caddy, rig);
    assert.equal(await rig.stop(), 0);
    for (const port of [rig.port, rig.internalPort]) await assertPortFree(port);
    const { text } = await caddy.call('GET', '/config/apps/http/servers');
    assert.doesNotMatch(text, /greenroom/);
  });
}

/** By sockets a deploy needs nothing of Caddy: that nobody reaches the app is told all the same, until Caddy is back. */
async function deployBehindDead(caddy: CaddyRig, rig: Rig): Promise<void> {
  const told = async (): Promise<string> => (await rig.status()).drift.find(({ name }) => name === 'live_mismatch')?.detail ?? '';
  await caddy.end();
  await until(
    async () => /Caddy does not answer at .*Start Caddy/.test(await told()),
    () => 'nobody said that Caddy has ended',
  );
  const four = rig.commit({ name: 'four' });
  assert.ok((await rig.client.deploy({ commit: four })).success);
  await until(
    async () => (await rig.status()).live_commit === four,
    () => 'the deploy did not go live',
  );
  assert.match(await told(), /Caddy does not answer/, 'after the deploy too');
  await caddy.start();
  await until(
    async () => (await told()) === '',
    () => 'nobody noticed that Caddy is back',
  );
}
