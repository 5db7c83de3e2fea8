import assert from 'node:assert/strict';
import { existsSync, lstatSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLiveSocket } from '../../src/orchestrator/adapters/router/live-socket.ts';
import { contractSchema } from '../../src/orchestrator/core/contract.ts';
import { type Layout, socketsOf } from '../../src/orchestrator/layout.ts';
import { makeRig, openInstances, until } from '../instances/rig.ts';

const BY_SOCKET = { router: { kind: 'nginx' }, internal_port: 3002 };
/** Says its instance and its Node options by its public port, and that it is internal by the other. */
const APP = `
const http = require('node:http');
const answer = process.env.GREENROOM_INSTANCE + ' ' + process.env.NODE_OPTIONS.split(' ')[0];
http.createServer((request, response) => response.end('internal')).listen(process.env.INTERNAL_PORT, '127.0.0.1');
http.createServer((request, response) => response.end(answer)).listen(process.env.PORT, '127.0.0.1', () => console.log('listening'));
`;

test('an instance listens on its sockets, and the fixed addresses lead to whichever is live', async (t) => {
  const contract = { ...BY_SOCKET, env: { NODE_OPTIONS: '--no-warnings' } };
  const rig = makeRig(t, { files: { 'app.cjs': APP }, contract });
  const live = createLiveSocket(rig.layout);
  assert.equal(await live.current(), null);
  const [one, other] = [await rig.boot(), await rig.boot()];
  for (const { instance } of [one, other, one]) {
    // Also when an earlier run died with a half-made link.
    writeFileSync(`${live.links.requests}.new`, '');
    assert.deepEqual(await live.point(instance), { ok: true, value: undefined });
    assert.equal(await live.current(), instance);
    // The app's own options come first, and are kept.
    for (const socketPath of [live.links.requests, live.links.streams]) assert.equal(await get(socketPath), `${instance} --no-warnings`);
    assert.equal(await get(live.links.internal), 'internal');
  }
  assert.equal(statSync(live.links.requests).mode & 0o777, 0o666);
  assert.deepEqual(await live.point(null), { ok: true, value: undefined });
  assert.equal(await live.current(), null);
  await assert.rejects(get(live.links.requests), { code: 'ENOENT' });
});

test('what a killed instance, or a killed orchestrator, leaves of its sockets is removed', async (t) => {
  const rig = makeRig(t, { files: { 'app.cjs': APP }, contract: BY_SOCKET });
  const [killed, kept] = [await rig.boot(), await rig.boot()];
  const socketOf = ({ instance }: { instance: string }): string => socketsOf(rig.layout, instance).requests;
  for (const it of [killed, kept]) await until('it listens', () => existsSync(socketOf(it)));
  process.kill(killed.pid, 'SIGKILL');
  await until('its sockets are gone', () => namesOf(rig.layout, killed.instance).length === 0);

  writeFileSync(join(rig.layout.sockets, 'of-long-ago.sock'), '');
  const next = openInstances(rig.layout, rig.contract);
  t.after(() => next.close());
  await next.adopt();
  assert.deepEqual(namesOf(rig.layout, 'of-long-ago'), []);
  assert.equal(namesOf(rig.layout, kept.instance).length, 3);
  assert.match(await get(socketOf(kept)), /^i-/);
});

test('an app that listens on a port only is not made live, and nothing changes', async (t) => {
  const deafApp = `delete process.env.NODE_OPTIONS; require('node:child_process').spawn(process.execPath, ['real.cjs'], { stdio: 'inherit', env: process.env });`;
  const rig = makeRig(t, {
    files: { 'app.cjs': deafApp, 'real.cjs': "require('node:http').createServer().listen(process.env.PORT)" },
    contract: BY_SOCKET,
  });
  const live = createLiveSocket(rig.layout);
  const { instance } = await rig.boot();
  const refused = await live.point(instance);
  assert.ok(!refused.ok);
  assert.equal(refused.failure.code, 'promote_failed');
  assert.match(
    refused.failure.error,
    /does not listen on its socket .*\.sock \(there is no such file\).*GREENROOM_LISTEN_SOCKET.*"upstream": "port"/,
  );
  assert.equal(await live.current(), null);
});

test('an app that takes its one socket itself gets its streams there too, and is told from a file in the way', async (t) => {
  const own = `require('node:http').createServer((request, response) => response.end('own')).listen(process.env.GREENROOM_LISTEN_SOCKET);`;
  const rig = makeRig(t, { files: { 'app.cjs': own }, contract: { router: { kind: 'caddy' } } });
  const live = createLiveSocket(rig.layout);
  const { instance } = await rig.boot();
  writeFileSync(live.links.requests, 'not a link');
  assert.equal(await live.current(), null);
  assert.ok((await live.point(instance)).ok);
  assert.equal(await get(live.links.streams), 'own');
  assert.ok(!existsSync(live.links.internal));
  rmSync(live.links.requests);
  await live.point(instance);
  assert.ok(lstatSync(live.links.requests).isSymbolicLink());
});

test('an app behind the embedded proxy, or reached by its port, is told nothing of sockets', async (t) => {
  const tell =
    'console.log(JSON.stringify(Object.keys(process.env).filter((name) => /LISTEN|NODE_OPTIONS/.test(name)))); setInterval(() => 0, 1e6)';
  for (const router of [{}, { kind: 'nginx', upstream: 'port' }]) {
    const rig = makeRig(t, { files: { 'app.cjs': tell }, contract: { router: contractSchema.shape.router.parse(router) } });
    const { instance } = await rig.boot();
    await until('it has said so', async () => (await rig.instances.tail(instance, 1))[0] === '[]');
  }
});

function namesOf({ sockets }: Layout, instance: string): string[] {
  return readdirSync(sockets).filter((name) => name.startsWith(instance));
}

function get(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('error', reject);
      response.on('end', () => resolve(body));
    });
    asked.on('error', reject);
    asked.end();
  });
}
