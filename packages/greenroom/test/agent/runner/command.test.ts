import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ChatEvent } from '@greenroom/sdk/chat';
import type { Step } from './fake-agent.ts';
import { createWorld, found, MAIN, processesOf, type World, writeContract } from './rig.ts';

interface Command {
  kill(signal: NodeJS.Signals): void;
  /** Resolves when it has printed that. */
  prints(text: RegExp): Promise<void>;
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

function greenroom(t: TestContext, world: World, ...args: string[]): Command {
  const env = { ...process.env, GREENROOM_HOME: join(world.memory, 'home'), NO_COLOR: '1', USER: 'ada' };
  const child = spawn(process.execPath, [MAIN, ...args, '--data', world.layout.data], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  const listeners = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const listener of listeners) listener();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return {
    kill: (signal) => void child.kill(signal),
    prints: (text) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (text.test(stdout)) resolve();
        };
        listeners.add(look);
        look();
      }),
    ended: new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr }))),
  };
}

const script = (steps: Step[]): string => `go\n${JSON.stringify(steps)}`;

test('a message is worked while the terminal shows it, and the conversation goes on', async (t) => {
  const world = createWorld(t);
  writeContract(world);
  const steps: Step[] = [
    { say: 'Hello \u001b[31m' },
    { commit: 'Say two', file: 'app.js' },
    { say: 'there' },
    { write: 'left.txt', text: '' },
  ];
  const { code, stdout, stderr } = await greenroom(t, world, 'agent', script(steps)).ended;
  assert.equal(stderr, '');
  assert.equal(code, 0);
  const lines = stdout.split('\n');
  assert.match(
    lines
      .filter((line) => !/^(i|!)/.test(line))
      .join('\n')
      .replace(/[0-9a-f]{10}/, 'COMMIT'),
    /^fake-agent\.ts 1\.2\.3\nHello \n→ git commit\n/,
  ); // prettier-ignore
  assert.match(stdout, /● [0-9a-f]{10} Say two {2}1 file \+1 -1/);
  assert.match(stdout, /there\n[\s\S]*not committed: left\.txt\n$/);
  const [conversation] = world.transcript.conversations();
  const again = await greenroom(t, world, 'agent', 'more', '--conversation', conversation?.id ?? '', '--json').ended;
  const events = again.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as ChatEvent); // prettier-ignore
  assert.ok(events.some((event) => event.kind === 'turn' && event.session === 'resumed'));
  assert.ok(events.at(-1)?.kind === 'turn');
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map(({ seq }) => seq).toSorted((one, other) => one - other),
  ); // prettier-ignore
});

test('Ctrl-C asks the agent to stop; --detach leaves it alone, and --cancel stops it', async (t) => {
  const world = createWorld(t);
  writeContract(world);
  const watched = greenroom(t, world, 'agent', script([{ say: 'working' }, { hang: true }]));
  await watched.prints(/working/);
  watched.kill('SIGINT');
  const { code, stderr } = await watched.ended;
  assert.equal(code, 1);
  assert.match(stderr, /asking the agent to stop[\s\S]*cancelled: Cancelled by ada/);

  const detached = await greenroom(t, world, 'agent', '--detach', '--json', script([{ say: 'alone' }, { hang: true }])).ended;
  const { turn } = JSON.parse(detached.stdout) as { turn: string };
  const place = world.transcript.turn(turn)?.conversation ?? '';
  const { transcript } = world;
  await found(transcript, () => transcript.eventsAfter(place, 0, 100).find((event) => event.kind === 'text'));
  assert.match((await greenroom(t, world, 'agent', '--cancel').ended).stdout, /Asked the agent to stop: go/);
  await found(transcript, () => transcript.turn(turn)?.status === 'cancelled' || undefined);
  assert.deepEqual(processesOf(turn), []);
});

test('what cannot be done is said in a sentence', async (t) => {
  const world = createWorld(t);
  writeContract(world, { command: 'no-such-agent acp' });
  const say = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await greenroom(t, world, 'agent', ...args).ended;
    assert.notEqual(code, 0);
    assert.doesNotMatch(stderr, /\n\s+at /);
    return stderr;
  };
  assert.match(await say('hello'), /no program no-such-agent on this machine/);
  assert.match(await say(), /Say what the agent shall do/);
  assert.match(await say('--cancel'), /nothing to cancel/);
  writeContract(world);
  assert.match(await say('--continue'), /nothing to continue/);
  assert.match(await say('x', '--conversation', 'c0'), /There is no conversation "c0"/);
  writeFileSync(world.layout.contract, '{"start_command":"node app.js","port":3999,"health_endpoint":"/"}');
  assert.match(await say('hello'), /has no coding agent: add "agent": \{\}/);
  assert.equal(world.transcript.queued().length, 0);
});
