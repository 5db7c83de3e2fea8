import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter } from '../../src/confine/limiter.ts';
import { commit, failure, value, world } from '../git/fixture.ts';
import { testCgroups } from './rig.ts';

const EATER = 'const kept = []; for (;;) kept.push(Buffer.alloc(4e6, 1));';
const setup = (script: string): Record<string, string> => ({ 'setup.sh': script, '.gitignore': 'made*\n' });

test('a setup that reaches a limit fails with the limit as its evidence, and leaves nothing running', async (t) => {
  const limiter = createLimiter({
    kind: 'setup',
    limits: { memory_mb: 100, processes: 24, file_size_mb: 1 },
    key: 'rig',
    cgroups: testCgroups(t),
  });
  const { app, prepare, first } = await world(
    t,
    { ...setup('echo fine > made'), 'eat.cjs': EATER },
    { setup_command: 'sh ./setup.sh', setup_inputs: ['setup.sh'] },
    { limiter },
  );
  assert.equal(value(await prepare('a', first)).setup, 'ran');
  const refused = async (script: string) => failure(await prepare('b', commit(app, setup(script))));

  const eaten = await refused(`exec ${process.execPath} eat.cjs`);
  assert.equal(eaten.code, 'setup_failed');
  const together = 'after the kernel had killed one of its processes at 100 MB of memory, their limit together';
  assert.equal(eaten.error, `The setup command exited with code 137, ${together} (limits.setup.memory_mb).`);
  assert.deepEqual(
    [eaten.evidence?.exit?.limit, eaten.evidence?.remedy],
    ['limits.setup.memory_mb', 'Find out what needs so much, or raise limits.setup.memory_mb in the contract.'],
  );
  const forked = await refused('while true; do sleep 7361 & done');
  assert.match(forked.error, /after the kernel had refused it \d+ new processes or threads beyond its 24 \(limits\.setup\.processes\)/);
  const large = await refused('head -c 2000000 /dev/zero > made-large');
  assert.match(large.error, /a file (of more|that got larger) than 1 MB, its limit \(limits\.setup\.file_size_mb\)/);
  assert.deepEqual(limiter.known(), []);
});

test('a setup that fills its slot is stopped with the size it got to, and a slot that is too large is not booted', async (t) => {
  const limits = { disk: { slot_mb: 3 } };
  const { app, prepare, first } = await world(t, setup('head -c 5000000 /dev/zero > made-1; sleep 7362'), {
    setup_command: 'sh ./setup.sh',
    setup_inputs: ['setup.sh'],
    limits,
  });
  const stopped = failure(await prepare('a', first));
  assert.equal(stopped.code, 'setup_failed');
  assert.match(
    stopped.error,
    /^The setup command was stopped when slot a took 5 MB on the disk; its limit is 3 MB \(limits\.disk\.slot_mb\)\.$/,
  );
  assert.equal(stopped.evidence?.exit?.limit, 'limits.disk.slot_mb');
  const quick = failure(await prepare('b', commit(app, setup('head -c 5000000 /dev/zero > made-2'))));
  assert.deepEqual([quick.code, quick.error], ['setup_failed', 'Slot b takes 5 MB on the disk; its limit is 3 MB (limits.disk.slot_mb).']);
  const whole = failure(await prepare('b', commit(app, { ...setup('true'), 'large.bin': 'x'.repeat(4e6) })));
  assert.match(whole.error, /^Slot b takes \d+ MB on the disk/);
});
