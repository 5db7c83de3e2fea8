import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFamily, findMembers } from '../../src/family.ts';
import { appEnvironment } from '../../src/orchestrator/adapters/instances/environment.ts';
import { parseStartCommand } from '../../src/orchestrator/adapters/instances/start-command.ts';
import { environHas, parseEnviron } from '../../src/proc.ts';

const shell = (line: string): { file: string; args: string[] } => ({ file: '/bin/sh', args: ['-c', line] });

test('a plain start command is started directly, one that needs the shell by the shell', () => {
  const cases: [string, { file: string; args: string[] }][] = [
    ['node server.js', { file: 'node', args: ['server.js'] }],
    ['  node  --title="my app" \'a b\' "" ', { file: 'node', args: ['--title=my app', 'a b', ''] }],
    ["node -e 'a && b; $x'", { file: 'node', args: ['-e', 'a && b; $x'] }],
    ['node -e "a && b"', { file: 'node', args: ['-e', 'a && b'] }],
    ['gunicorn -b 127.0.0.1:$PORT app:app', shell('exec gunicorn -b 127.0.0.1:$PORT app:app')],
    ['node "server $PORT"', shell('exec node "server $PORT"')],
    ['node app.js > out.txt', shell('exec node app.js > out.txt')],
    ['cd web && node app.js', shell('cd web && node app.js')],
    ['cd web', shell('cd web')],
    ['A=1 node app.js', shell('A=1 node app.js')],
    ['exec node app.js', shell('exec node app.js')],
    ["node 'app.js", shell("node 'app.js")],
    ['a=b', shell('a=b')],
  ];
  for (const [line, expected] of cases) assert.deepEqual(parseStartCommand(line), expected, line);
});

test("nobody overrides Greenroom's own variables", () => {
  const env = appEnvironment({
    slotDirectory: '/nowhere',
    from: { PATH: '/bin', PORT: '9', GREENROOM_HOME: '/x', GITHUB_TOKEN: 't' },
    contractEnv: { PORT: '1', INTERNAL_PORT: '2', GREENROOM: '0', GREENROOM_NEW: '1', A: 'contract', B: 'contract' },
    secrets: { A: 'secret', PORT: '3' },
    greenroom: { PORT: '4' },
  });
  const { PATH, ...rest } = env;
  assert.deepEqual(rest, { A: 'secret', B: 'contract', PORT: '4' });
  assert.match(PATH ?? '', /^\/bin:/);
});

test('an environment entry is found whole or not at all', () => {
  const environ = Buffer.from('A=12\0B=3\0B=4\0');
  assert.ok(environHas(environ, 'A=12') && environHas(environ, 'B=3'));
  assert.ok(!environHas(environ, 'A=1') && !environHas(environ, '=12') && !environHas(environ, 'B=34'));
  assert.deepEqual(
    [...parseEnviron(environ)],
    [
      ['A', '12'],
      ['B', '3'],
    ],
  );
});

test('a group whose number went to another process is not ours', () => {
  // Above the kernel's largest pid, so that no such process exists.
  const [leader, child] = [5_000_000, 5_000_001];
  const stat = { state: 'S', parent: 1, group: leader, session: leader, cpuTicks: 0 };
  const ours = { ...stat, pid: child, startTicks: 20 };
  const members = (startTicks: number): number[] => {
    const table = new Map([
      [leader, { ...stat, pid: leader, startTicks }],
      [child, ours],
    ]);
    return findMembers(createFamily(leader, 10, 'X=y'), table).map(({ pid }) => pid);
  };
  assert.deepEqual(members(10), [leader, child]);
  assert.deepEqual(members(15), []);
});

test('a zombie is not a member', () => {
  const zombie = { pid: 5_000_000, state: 'Z', parent: 1, group: 5_000_000, session: 5_000_000, startTicks: 10, cpuTicks: 0 };
  assert.deepEqual(findMembers(createFamily(zombie.pid, 10, 'X=y'), new Map([[zombie.pid, zombie]])), []);
});
