import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KEPT_BOOTS } from '../../src/orchestrator/adapters/instances/instances.ts';
import { MAX_LOG_BYTES, rotate } from '../../src/orchestrator/adapters/instances/log-file.ts';
import { tailLines } from '../../src/orchestrator/adapters/instances/text.ts';
import type { Instance } from '../../src/orchestrator/ports.ts';
import { COMMIT, makeRig, newId, until, untilLogged } from './rig.ts';

test('an app that floods its log does not fill the disk', async (t) => {
  const flood = `const line = 'x'.repeat(1023) + '\\n'; const block = line.repeat(256);
    const write = () => { for (let i = 0; i < 4; i++) require('node:fs').writeSync(1, block); setTimeout(write, 10); }; write();`;
  const rig = makeRig(t, { files: { 'app.cjs': flood } });
  const { logFile } = await rig.boot();
  let most = 0;
  let cuts = 0;
  let before = 0;
  const deadline = performance.now() + 20_000;
  // Some 100 MB/s: at eight cuts it has written several times of what is kept.
  await until(
    'the log was cut eight times',
    () => {
      const size = statSync(logFile).size;
      if (size < before) cuts++;
      before = size;
      most = Math.max(most, bytesOf(rig.layout.logs));
      return cuts >= 8;
    },
    deadline - performance.now(),
  );
  assert.ok(most < 11 * MAX_LOG_BYTES, `${most} bytes`);
  assert.deepEqual(readdirSync(rig.layout.logs).length, 3);
  assert.ok(statSync(`${logFile}.1`).size <= MAX_LOG_BYTES + 3 * 1024 * 1024);
});

test('cutting a log keeps its end, goes on at the beginning, and keeps two parts', async (t) => {
  const rig = makeRig(t);
  const file = join(rig.layout.logs, 'x.log');
  for (const text of ['one', 'two', 'three']) {
    writeFileSync(file, text);
    await rotate(file);
  }
  assert.deepEqual(
    [file, `${file}.1`, `${file}.2`].map((part) => readFileSync(part, 'utf8')),
    ['', 'three', 'two'],
  );
  writeFileSync(file, Buffer.concat([Buffer.alloc(MAX_LOG_BYTES + 100, 'a'), Buffer.from('\nthe end\n')]));
  await rotate(file);
  const part = readFileSync(`${file}.1`, 'utf8');
  assert.match(part, /^\[109 earlier bytes of this log were dropped\]\n/);
  assert.ok(part.endsWith('\nthe end\n'));
  assert.deepEqual(await rig.instances.tail('x', 1), ['the end']);
});

test('on a full disk a log is emptied rather than kept, and a boot says what is wrong', async (t) => {
  const rig = makeRig(t, { files: { 'app.cjs': 'setInterval(() => {}, 1000)' } });
  const folders = [rig.layout.logs, rig.layout.instances];
  for (const folder of folders) execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder]);
  try {
    const file = join(rig.layout.logs, 'x.log');
    writeFileSync(file, Buffer.alloc(MAX_LOG_BYTES + 1));
    await rotate(file);
    assert.deepEqual([statSync(file).size, statSync(`${file}.1`).size], [0, 0]);
    const instance = await rig.boot();
    assert.throws(() => writeFileSync(join(rig.layout.instances, 'filler'), Buffer.alloc(17 * 1024 * 1024)), /ENOSPC/);
    const refused = await rig.instances.boot({ instance: newId(), slot: 'a', commit: COMMIT });
    assert.match(refused.ok ? '' : refused.failure.error, /could not be started: ENOSPC/);
    assert.equal((await rig.instances.stop(instance.instance, 0)).signal, 'SIGKILL');
    assert.match(rig.messages.join(), /could not be written: ENOSPC/);
  } finally {
    // Before the rig removes the folders; lazily, because the log of an instance that is being killed may still be open.
    for (const folder of folders) execFileSync('umount', ['-l', folder]);
  }
});

test('logs of the last boots are kept, those of running instances always, other files too', async (t) => {
  const sleeper = "if (require('node:fs').existsSync('stay')) setInterval(() => {}, 1000); console.log('up');";
  const rig = makeRig(t, { files: { 'app.cjs': sleeper, stay: '' } });
  writeFileSync(join(rig.layout.logs, 'setup-1.log'), '');
  const oldest = await rig.boot();
  await untilLogged(rig, oldest, 'up');
  rmSync(join(rig.layout.slot('a'), 'stay'));
  const later: Instance[] = [];
  for (let boot = 0; boot < KEPT_BOOTS + 2; boot++) {
    const instance = await rig.boot();
    later.push(instance);
    await rig.instances.stop(instance.instance, 0);
  }
  await until('old logs are gone', () => !existsSync(later[0]?.logFile ?? ''));
  assert.ok(existsSync(oldest.logFile) && existsSync(join(rig.layout.logs, 'setup-1.log')));
  assert.ok(later.slice(-KEPT_BOOTS).every(({ logFile }) => existsSync(logFile)));
  await until('old records are gone', () => readdirSync(rig.layout.instances).length === KEPT_BOOTS + 1);
});

test('a tail is plain text, bounded in lines and bytes', () => {
  const noisy = '\u001b]0;title\u0007\u001b[1;31mred\u001b[0m\tx\u0000\r\nprogress 1%\rprogress 2%\n\n\u202eevil\u009b31m\n';
  assert.deepEqual(tailLines(noisy), ['red\tx', 'progress 1%', 'progress 2%', 'evil']);
  const many = Array.from({ length: 100 }, (_, index) => `line ${index}`).join('\n');
  assert.deepEqual(tailLines(many).slice(0, 1), ['line 60']);
  assert.deepEqual(tailLines(many, 2), ['line 98', 'line 99']);
  const [long = ''] = tailLines('y'.repeat(100_000));
  assert.equal(long.length, 501);
  const wide = tailLines(`${'z'.repeat(480)}\n`.repeat(40));
  assert.ok(wide.length < 40 && wide.join('\n').length <= 8 * 1024);
});

function bytesOf(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}
