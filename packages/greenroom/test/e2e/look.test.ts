import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient, type LogEvent } from '@greenroom/sdk/client';
import * as schemas from '../../src/orchestrator/api/schemas.ts';
import { ask } from './ask.ts';
import { openRig } from './rig.ts';

test('the operator can look at what an attempt changes', async (t) => {
  const rig = await openRig(t);
  const operator = createClient({ socket: join(rig.data, 'run', 'operator.sock') });
  const first = rig.commit({ name: 'one' }, { 'page.txt': 'one\n' });
  const { id: begin } = await rig.live(first);
  const second = rig.commit({ name: 'two' }, { 'page.txt': 'two\n' });
  const { id } = await rig.live(second);
  const diff = schemas.attemptDiff.parse(await operator.diff(id));
  assert.deepEqual([diff.base, diff.commit, diff.more, diff.withheld], [first, second, 0, '']);
  assert.deepEqual(
    diff.files.map(({ path, change, added, removed }) => [path, change, added, removed]),
    [
      ['behaviour.json', 'changed', 1, 1],
      ['page.txt', 'changed', 1, 1],
    ],
  );
  assert.equal(diff.files[1]?.diff, '@@ -1 +1 @@\n-one\n+two');
  const whole = schemas.attemptDiff.parse(await operator.diff(begin));
  assert.deepEqual([whole.base, whole.files.some((file) => file.path === 'server.cjs')], ['', true]);

  const secret = rig.commit({}, { 'key.txt': `token = ghp_${'a1B2'.repeat(9)}\n` });
  const refused = await operator.deploy({ commit: secret });
  assert.ok(!refused.success && refused.code === 'gate_secret', JSON.stringify(refused));
  const kept = schemas.attemptDiff.parse(await operator.diff(refused.id ?? ''));
  assert.match(kept.withheld, /found a secret/);
  assert.ok(kept.files.some((file) => file.path === 'key.txt') && kept.files.every((file) => file.diff === ''));

  const none = await operator.diff('nobody');
  assert.ok('success' in none && none.code === 'not_found', JSON.stringify(none));
  const byPort = await ask({ port: rig.apiPort, path: `/deploys/${id}/diff` });
  assert.equal(byPort.status, 403);
});

const SECRET = 'correct horse battery';
const OVERWRITTEN = '*'.repeat(SECRET.length);

test('the output streams as it comes, without secrets, and goes over to the next live instance', async (t) => {
  const rig = await openRig(t, { contract: { secrets_inject: ['SHOP_KEY'] }, env: { SHOP_KEY: SECRET } });
  const left = new AbortController();
  t.after(() => left.abort());
  const stream = rig.client.followLogs({ signal: left.signal, lines: 10 });
  const until = async (wanted: (seen: LogEvent) => boolean): Promise<LogEvent[]> => {
    const seen: LogEvent[] = [];
    for (;;) {
      const { value, done } = await stream.next();
      assert.ok(!done, `ended after ${JSON.stringify(seen)}`);
      seen.push(value);
      if (wanted(value)) return seen;
    }
  };
  const says = (text: string) => (it: LogEvent) => 'lines' in it && it.lines.includes(text);

  // Hidden as it is read, and a moment later in the log itself.
  const hides = (it: LogEvent): boolean => 'lines' in it && it.lines.some((line) => line === '[hidden]' || line === OVERWRITTEN);

  const one = await rig.live(rig.commit({ says: ['\u001b[31mred\u001b[0m', SECRET] }));
  const begin = await until(hides);
  const [owner] = begin;
  assert.ok(owner && 'owner' in owner && owner.owner.commit === one.commit, JSON.stringify(begin));
  assert.ok(begin.some(says('red')));
  const two = await rig.live(rig.commit({ says: ['second'] }));
  const next = await until(says('second'));
  assert.ok(
    next.some((it) => 'owner' in it && it.owner.commit === two.commit),
    JSON.stringify(next),
  );
  left.abort();
  assert.ok((await stream.next()).done);

  const ended = 'owner' in owner ? owner.owner.instance : '';
  await rig.live(rig.commit({ name: 'third' }));
  const pieces: LogEvent[] = [];
  for await (const piece of rig.client.followLogs({ instance: ended, signal: AbortSignal.timeout(10_000) })) pieces.push(piece);
  assert.deepEqual(pieces.at(-1), { lines: ['red', OVERWRITTEN] });
});
