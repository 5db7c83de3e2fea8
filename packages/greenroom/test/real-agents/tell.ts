import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import type { ChatEvent, TurnStatus } from '@greenroom/sdk/chat';
import { git } from '../../../../bench/harness/repo.ts';
import { until } from '../e2e/rig.ts';
import { MODEL_KEY, type RealAgent } from './agents.ts';
import { marker } from './model/script.ts';
import { NEW_GREETING, OLD_GREETING, SLEEP, storyScripts } from './story.ts';
import { openWorld, type World } from './world.ts';

/** Of about 20 s: agents are large programs, and tests run beside each other. */
const STORY_LIMIT_MS = 240_000;
/** For an agent to start, and to run a command. */
const START_LIMIT_MS = 60_000;

type Kind<K extends ChatEvent['kind']> = Extract<ChatEvent, { kind: K }>;

/** The story of a change, with its refusals and repairs, and of its undoing by a second message, lived through by a real agent. */
export function tellStory(agent: RealAgent): void {
  test(`${agent.preset} changes the guestbook, is refused, repairs it, ships it and rolls it back`, {
    timeout: STORY_LIMIT_MS,
  }, async (t) => {
    const world = await openWorld(t, agent, storyScripts());
    const { rig, model } = world;
    assert.ok((await rig.visit()).body.includes(OLD_GREETING));
    const before = await rig.status();

    const first = await world.say(`Please greet people in the evening. ${marker('evening')}`);
    assert.deepEqual(model.problems, [], first.output);
    assert.equal(first.code, 0, first.output);
    const conversation = first.events[0]?.conversation ?? '';
    const turn = first.events[0]?.turn ?? '';

    await t.test('the page shows the change', async () => {
      assert.ok((await rig.visit()).body.includes(NEW_GREETING));
    });
    await t.test('the transcript shows what was done', () => assertShown(first.events, agent));
    await t.test('the journal links message, commit and deploy', () => assertLinked(world, { conversation, turn }));

    const second = await world.say(`I liked the old greeting better: roll back, please. ${marker('undo')}`, conversation);
    if (process.env['DUMP'])
      (await import('node:fs')).writeFileSync(`/tmp/i/out-${agent.preset}.txt`, `${first.output}\n=====\n${second.output}`);
    assert.deepEqual(model.problems, [], second.output);
    assert.equal(second.code, 0, second.output);
    await t.test('the second message rolls back, in the same session', async () => {
      assert.ok((await rig.visit()).body.includes(OLD_GREETING));
      assert.equal((await rig.status()).live_commit, before.live_commit);
      const session = only(second.events, 'turn').find((event) => event.session !== undefined)?.session;
      assert.ok(session && session !== 'new' && agent.sessions.includes(session), `the session is ${session}`);
    });
    await t.test('a cancelled turn takes all that it started along', async () => {
      const hanging = await beginWaiting(world, conversation);
      const { code, output } = await rig.cli(['agent', '--cancel']);
      assert.equal(code, 0, output);
      await assertEnded(hanging, 'cancelled');
    });
    await t.test('so does a killed runner, and the conversation goes on', async () => {
      const hanging = await beginWaiting(world, conversation);
      const { pid } = JSON.parse(readFileSync(`${rig.data}/run/agent-turn.json`, 'utf8')) as { pid: number };
      process.kill(pid, 'SIGKILL');
      await assertEnded(hanging, 'interrupted');
      const after = await world.say(`And? ${marker('after')}`, conversation);
      assert.equal(after.code, 0, after.output);
      assert.match(spoken(after.events), /Here I am again/);
      assert.deepEqual(model.problems, []);
    });
    await t.test('nothing of the agent is left, and its key is nowhere', () => {
      assert.deepEqual(processesWith('GREENROOM_TURN='), []);
      assert.ok(!JSON.stringify([first.events, second.events]).includes(MODEL_KEY), 'the key is in the transcript');
      assert.ok(!readFileSync(`${rig.data}/journal.jsonl`, 'utf8').includes(MODEL_KEY), 'the key is in the journal');
    });
  });
}

/** A turn whose agent runs commands that do not end. */
async function beginWaiting(world: World, conversation: string): Promise<{ turn: ReturnType<World['say']> }> {
  const turn = world.say(`Now wait. ${marker('wait')}`, conversation);
  await until(
    () => processesWith(SLEEP).length >= 2,
    () => `only ${processesWith(SLEEP)} run`,
    START_LIMIT_MS,
  );
  return { turn };
}

async function assertEnded({ turn }: Awaited<ReturnType<typeof beginWaiting>>, status: TurnStatus): Promise<void> {
  const { events, output } = await turn;
  assert.equal(only(events, 'turn').at(-1)?.status, status, output);
  assert.deepEqual(processesWith(SLEEP), []);
}

function spoken(events: ChatEvent[]): string {
  return only(events, 'text')
    .map(({ delta }) => delta)
    .join('');
}

function assertShown(events: ChatEvent[], agent: RealAgent): void {
  const turns = only(events, 'turn');
  assert.equal(turns.at(-1)?.status, 'completed');
  const started = turns.find((event) => event.session !== undefined);
  assert.match(started?.agent ?? '', agent.says);
  assert.equal(started?.session, 'new');

  const tools = only(events, 'tool');
  const calls = Map.groupBy(tools, (event) => event.call);
  const whole = [...calls.values()].map((pieces) => Object.assign({}, ...pieces) as Kind<'tool'>);
  const diff = tools.flatMap(({ content = [] }) => content).find((each) => each.type === 'diff' && each.path === 'src/content.ts');
  assert.ok(diff?.type === 'diff' && diff.diff.includes(`+  greeting: '${NEW_GREETING}',`), 'no diff of src/content.ts');
  const commit = whole.find(({ tool, title = '' }) => tool === 'execute' && title.includes('Greet in the evening'));
  assert.ok(commit, 'no card of the commit');
  if (agent.tellsOutput) assert.match(textIn(commit), /2 files changed/);
  const deploy = whole.find(({ title = '' }) => title.includes('deploy'));
  assert.ok(deploy, 'no card of the deploy');
  assert.equal(deploy.title?.startsWith('greenroom deploy'), !agent.mcp, `the deploy was called as ${deploy.title}`);
  assert.match(textIn(deploy), /deep_check_failed/);
  for (const { title, status } of whole) assert.ok(status === 'completed' || status === 'failed', `${title} is ${status}`);
  assert.ok(spoken(events).includes('The guestbook **greets in the evening** now.'), spoken(events));
  assert.deepEqual(
    only(events, 'commit').map(({ subject }) => subject),
    ['Greet in the evening', 'Repair the ping, and add a lamp', 'Repair the ping, and light a lamp'],
  );
  const attempts = Map.groupBy(only(events, 'attempt'), ({ attempt }) => attempt.id);
  assert.deepEqual(
    [...attempts.values()].map((versions) => versions.at(-1)?.attempt.code ?? 'live'),
    ['deep_check_failed', 'gate_secret', 'live'],
  );
}

async function assertLinked({ rig, workspace }: World, origin: { conversation: string; turn: string }): Promise<void> {
  const own = (await rig.client.deploys()).filter((attempt) => attempt.origin !== undefined);
  assert.equal(own.length, 3);
  for (const attempt of own) {
    assert.deepEqual(attempt.origin, origin);
    assert.equal(attempt.trigger, 'agent');
    const message = git(workspace, 'log', '-1', '--format=%B', attempt.commit);
    assert.match(message, new RegExp(`^Greenroom-Conversation: ${origin.conversation}$`, 'm'));
    assert.match(message, new RegExp(`^Greenroom-Turn: ${origin.turn}$`, 'm'));
  }
  assert.equal(git(workspace, 'log', '-1', '--format=%H'), (await rig.status()).live_commit);
}

function textIn({ content = [] }: Kind<'tool'>): string {
  return content.map((each) => (each.type === 'text' ? each.text : '')).join('\n');
}

function only<K extends ChatEvent['kind']>(events: ChatEvent[], kind: K): Kind<K>[] {
  return events.filter((event): event is Kind<K> => event.kind === kind);
}

/** Processes with that in their environment or command line, of the network namespace that is this test's alone. */
function processesWith(text: string): string[] {
  const look = (read: () => string): string => {
    try {
      return read();
    } catch {
      return ''; // ended between two looks, or not ours to see
    }
  };
  const own = readlinkSync('/proc/self/ns/net');
  const words = (pid: string, file: string): string => look(() => readFileSync(`/proc/${pid}/${file}`, 'utf8')).replaceAll('\0', ' ');
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && look(() => readlinkSync(`/proc/${name}/ns/net`)) === own)
    .filter((pid) => words(pid, 'cmdline').startsWith(text) || words(pid, 'environ').includes(text))
    .map((pid) => `${pid} ${words(pid, 'cmdline')}`);
}
