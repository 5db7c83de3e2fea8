import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { claimPort } from '../../src/orchestrator/adapters/instances/fresh-ports.ts';
import { readStat } from '../../src/proc.ts';
import { COMMIT, makeRig, newId, PROCESSES, SERVER } from './rig.ts';
import { bootSuite } from './suite/boot.ts';

bootSuite(PROCESSES);

test('an instance leads a session of its own and is recorded before the answer', async (t) => {
  const rig = makeRig(t, { files: { 'app.cjs': SERVER } });
  const instance = await rig.boot();
  const stat = readStat(instance.pid);
  assert.deepEqual([stat?.session, stat?.group, stat?.startTicks], [instance.pid, instance.pid, instance.startTicks]);
  const record = JSON.parse(readFileSync(join(rig.layout.instances, `${instance.instance}.json`), 'utf8'));
  assert.deepEqual(record, instance);
  assert.deepEqual(rig.instances.get(instance.instance), instance);
  assert.deepEqual(rig.instances.all(), [instance]);
});

test('a start command that does not exist is a failure that names it, and leaves nothing', async (t) => {
  const rig = makeRig(t, { contract: { start_command: 'no-such-program --now' } });
  const booted = await rig.instances.boot({ instance: newId(), slot: 'a', commit: COMMIT });
  assert.ok(!booted.ok);
  assert.equal(booted.failure.code, 'boot_exited');
  assert.match(booted.failure.error, /"no-such-program" was not found/);
  assert.deepEqual(rig.instances.all(), []);
  const other = await rig.instances.boot({ instance: newId(), slot: 'b', commit: COMMIT });
  assert.match(other.ok ? '' : other.failure.error, /deploy-b does not exist/);
});

test('a port that somebody listens on is not handed out', async () => {
  const FIRST = 20_000;
  const LAST = 32_767;
  const server = createServer().listen({ port: 31_337, host: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    const reserved = new Set(Array.from({ length: LAST - FIRST + 1 }, (_, index) => FIRST + index).filter((port) => port !== 31_337));
    await assert.rejects(claimPort(reserved), /no port .* is free/);
  } finally {
    server.close();
  }
});

test('a claimed port is not handed out before it is released', async () => {
  const all = Array.from({ length: 32_767 - 20_000 + 1 }, (_, index) => 20_000 + index);
  const first = await claimPort([]);
  const others = all.filter((port) => port !== first.port);
  await assert.rejects(claimPort(others), /no port .* is free/);
  first.release();
  const again = await claimPort(others);
  assert.equal(again.port, first.port);
  again.release();
});
