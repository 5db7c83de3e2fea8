import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openOutbox } from '../../src/orchestrator/adapters/outbox.ts';
import { temporaryFolder } from './rig.ts';

const CHILD = fileURLToPath(new URL('outbox-child.ts', import.meta.url));
const ROUNDS = 12;

test('kill -9 at any moment loses no job that was taken on, and delivers none twice', { timeout: 120_000 }, async (t) => {
  const root = temporaryFolder(t);
  const folder = join(root, 'outbox');
  const effects = join(root, 'effects');
  mkdirSync(effects);
  let child: ChildProcess | undefined;
  t.after(() => child?.kill('SIGKILL'));
  const taken = new Set<string>();
  let waitingAtSomeKill = 0;

  for (let round = 0; round < ROUNDS; round++) {
    child = spawn(process.execPath, [CHILD, folder, effects, String(round * 100_000)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const wanted = 4 + Math.floor(Math.random() * 40);
    let said = '';
    const enough = new Promise<void>((resolve) => {
      child?.stdout?.on('data', (chunk: Buffer) => {
        said += chunk.toString('utf8');
        if (said.split('\n').length > wanted + 2) resolve();
      });
    });
    const closed = once(child, 'close');
    await Promise.race([enough, closed]);
    child.kill('SIGKILL');
    await closed;
    for (const [, id] of said.matchAll(/^\+(\d+)\n/gm)) taken.add(id ?? '');
    if (readdirSync(folder).some((it) => it.endsWith('.json'))) waitingAtSomeKill += 1;
  }

  const delivered: string[] = [];
  const outbox = await openOutbox({
    folder,
    keepFinished: 10_000,
    log: (message) => assert.fail(message),
    handlers: {
      note: async (payload) => {
        delivered.push((payload as { id: string }).id);
        return { outcome: 'done' };
      },
    },
  });
  await outbox.drain(new AbortController().signal);
  assert.equal(outbox.pending().waiting, 0);
  assert.equal(outbox.pending().dead, 0);
  const done = new Set([...readdirSync(effects), ...delivered]);
  const lost = [...taken].filter((id) => !done.has(id));
  assert.deepEqual(lost, []);
  const records = readdirSync(join(folder, 'done'));
  assert.ok(records.length >= taken.size, `${records.length} of ${taken.size}`);
  // A job that was under way at its kill is delivered again, and then it finds its own effect: at most one per kill and key.
  assert.ok(delivered.filter((id) => readdirSync(effects).includes(id)).length <= ROUNDS * 3);
  assert.ok(waitingAtSomeKill > 0, 'kills have to fall between taking on and delivering');
  t.diagnostic(`${taken.size} jobs taken on, ${waitingAtSomeKill} of ${ROUNDS} kills found some waiting`);
});
