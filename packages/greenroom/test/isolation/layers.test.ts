import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import { asUser, environmentOf } from '../../src/confine/as-user.ts';
import { type Command, confine, type Layer } from '../../src/confine/command.ts';
import { openConfinement } from '../../src/confine/confinement.ts';
import { findUser } from '../../src/confine/users.ts';

test('the first layer is the outermost', () => {
  const through =
    (name: string): Layer =>
    ({ file, args }: Command) => ({ file: name, args: [file, ...args] });
  assert.deepEqual(confine({ file: 'app', args: ['x'] }, [through('outer'), through('inner')]), {
    file: 'outer',
    args: ['inner', 'app', 'x'],
  });
  assert.deepEqual(confine({ file: 'app', args: ['x'] }, []), { file: 'app', args: ['x'] });
});

const ROOT = process.getuid?.() === 0;

test('a command as another user has its ids and groups, no capability and no way to one', { skip: !ROOT && 'needs root' }, async () => {
  const nobody = await findUser({ user: 'nobody' });
  assert.ok(typeof nobody !== 'string');
  const show = { file: '/bin/sh', args: ['-c', 'id -u; id -g; id -G; grep -E "^(Cap|NoNewPrivs)" /proc/self/status'] };
  const { file, args } = confine(show, [asUser(nobody)]);
  const [uid, gid, groups, ...status] = execFileSync(file, args, { encoding: 'utf8' }).trim().split('\n');
  assert.deepEqual([uid, gid, groups], [`${nobody.uid}`, `${nobody.gid}`, `${nobody.gid}`]);
  const none = '0000000000000000';
  assert.deepEqual(
    status.map((line) => line.split('\t')),
    [...['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((name) => [`${name}:`, none]), ['NoNewPrivs:', '1']],
  );
  const env = environmentOf(nobody, { HOME: '/root', USER: 'root', XDG_RUNTIME_DIR: '/run/user/0', PATH: '/bin' });
  assert.deepEqual(env, { HOME: nobody.home, USER: 'nobody', LOGNAME: 'nobody', PATH: '/bin' });
});

test('an app whose user is not there, or is root, is not started', async () => {
  const sentences = async (user: string, group?: string): Promise<unknown> => await openConfinement({ run_as: { user, group } }, {});
  assert.deepEqual(await sentences('nobody-of-that-name'), {
    sentences: ['run_as: the user "nobody-of-that-name" does not exist on this machine. "greenroom isolate" makes the users of an app.'],
  });
  assert.match(JSON.stringify(await sentences('nobody', 'no-such-group')), /the group \\"no-such-group\\" does not exist/);
  assert.match(JSON.stringify(await sentences('root')), /\\"root\\" may do everything/);
});
