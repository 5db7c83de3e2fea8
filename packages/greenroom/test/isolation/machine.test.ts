import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { openMachine } from './machine.ts';

test('users of a machine are its own', { skip: process.getuid?.() !== 0 && 'needs root' }, async (t) => {
  const before = readFileSync('/etc/passwd', 'utf8');
  const machine = await openMachine(t);
  await machine.must('useradd', ['--system', '--user-group', 'gr-here']);
  assert.match(await machine.must('id', [], { user: 'gr-here' }), /^uid=\d+\(gr-here\) gid=\d+\(gr-here\) groups=\d+\(gr-here\)$/);
  assert.equal(
    await machine.must('sh', ['-c', 'pwd; command -v node'], { user: 'gr-here' }),
    `${machine.folder}\n${machine.folder}/bin/node`,
  );
  const capabilities = await machine.must('sh', ['-c', 'grep CapEff /proc/self/status'], { user: 'gr-here', capable: true });
  assert.match(capabilities, /00000000000801fb$/);
  assert.equal((await machine.greenroom(['--version'], { user: 'gr-here' })).code, 0);
  const daemon = Number(await machine.must('sh', ['-c', 'sleep 1000 >/dev/null 2>&1 & echo $!']));
  const outside = machine.outsidePid(daemon);
  assert.ok(outside, 'a process of the machine is not seen');
  assert.equal(readFileSync('/etc/passwd', 'utf8'), before);
});
