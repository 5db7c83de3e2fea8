import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createChat } from '@greenroom/sdk/app';
import { createWorld, type World } from '../app/stand-in.ts';
import type { Start } from './service-program.ts';

const PROGRAM = join(import.meta.dirname, 'service-program.ts');

test('a service that does not run is started once, on its own, for however many ask', async (t) => {
  const { world, ask } = await createApp(t);
  const environment = {
    PORT: '1',
    GREENROOM: '1',
    GREENROOM_INSTANCE: 'i',
    GREENROOM_SLOT: 'a',
    NODE_UNIQUE_ID: '1',
    NODE_OPTIONS: '--no-warnings',
  };
  for (const [name, value] of Object.entries(environment)) {
    const before = process.env[name];
    process.env[name] = value;
    t.after(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  }
  const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => ask(`/api/${index}`)));
  for (const answer of answers) assert.equal(answer.status, 200);
  const [start = assert.fail(), ...more] = starts(world);
  assert.equal(more.length, 0);
  assert.deepEqual(start.args, ['chat', '--mounted', '--data', world.data]);
  assert.equal(start.cwd, world.data);
  for (const name of Object.keys(environment)) assert.equal(start.env[name], undefined, name);
  assert.equal(start.env.PATH, process.env.PATH);
  // A session of its own: it is the leader of its group and session.
  const [, group, session] = stat(start.pid);
  assert.deepEqual([group, session], [String(start.pid), String(start.pid)]);
});

test('a service that was killed is started again, over the socket it left', async (t) => {
  const { world, ask } = await createApp(t);
  const first = (await ask('/api/session')).headers.get('x-pid');
  assert.ok(existsSync(world.socket));
  process.kill(Number(first), 'SIGKILL');
  await gone(Number(first));
  const again = await ask('/api/session');
  assert.equal(again.status, 200, again.status === 200 ? '' : await again.text());
  const second = again.headers.get('x-pid');
  assert.ok(second && second !== first);
});

test('requests wait for a service that is slow to listen', async (t) => {
  const { world, ask } = await createApp(t);
  await writeFile(join(world.data, 'slow'), '');
  const answers = [ask('/api/1'), ask('/api/2')];
  while (starts(world).length === 0) await sleep(5);
  await rm(join(world.data, 'slow'));
  for (const answer of await Promise.all(answers)) assert.equal(answer.status, 200);
  assert.equal(starts(world).length, 1);
});

test('a service that cannot be started is not tried at every request, and the reason is told', async (t) => {
  const { world, ask } = await createApp(t);
  await writeFile(join(world.data, 'fail'), '');
  const [first, second] = await Promise.all([ask('/api/1'), ask('/api/2')]);
  const third = await ask('/api/3');
  for (const answer of [first, second, third]) {
    assert.equal(answer?.status, 503);
    assert.equal(answer?.headers.get('retry-after'), '5');
    assert.match(await answer?.text(), /could not be started: it exited with code 3. On the server, \\"greenroom chat --mounted --data/);
  }
  assert.equal(starts(world).length, 1);
});

test('a program that is not there is told at once', async (t) => {
  const { ask } = await createApp(t, ['/no/such/program']);
  const answer = await ask('/api/session');
  assert.equal(answer.status, 503);
  assert.match(await answer.text(), /ENOENT/);
});

interface App {
  world: World;
  ask(path: string): Promise<Response>;
}

async function createApp(t: TestContext, command = [process.execPath, PROGRAM]): Promise<App> {
  // Before the folder that names them is removed: hooks run in the order they were made in.
  t.after(async () => {
    for (const { pid } of starts(world)) {
      if (stat(pid).length > 0) process.kill(pid, 'SIGKILL');
      await gone(pid);
    }
  });
  const world = await createWorld(t, { command });
  const chat = createChat({ env: world.env, authorize: () => ({ user: { id: 'ann' } }) });
  return { world, ask: (path) => chat.fetch(new Request(`http://localhost/chat${path}`)) };
}

function starts({ data }: World): Start[] {
  const file = join(data, 'starts.jsonl');
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Start);
}

/** Parent, group and session of a process that runs; empty when it does not. */
function stat(pid: number): string[] {
  try {
    const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return state === 'Z' ? [] : fields.slice(0, 3);
  } catch (error) {
    if (error instanceof Error && 'code' in error) return [];
    throw error;
  }
}

async function gone(pid: number): Promise<void> {
  while (stat(pid).length > 0) await sleep(5);
}
