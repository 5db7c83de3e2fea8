import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import type { AttemptView } from '@greenroom/sdk/wire';
import { openTranscript } from '../../src/agent/transcript.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { createMachine } from './support.ts';

const USER = { id: 'ada', name: 'Ada \u001b[31mLovelace' };

test('conversations are listed, shown and removed, and hostile text stays text', async (t) => {
  const machine = await createMachine(t);
  const none = await machine.greenroom(['conversations']);
  assert.match(none.stdout, /Nobody has talked to the agent of "shop" yet/);
  const transcript = openTranscript(layoutOf(machine.app.data).transcript);
  t.after(() => transcript.close());
  const { id } = transcript.createConversation({ title: '', user: USER });
  const { turn } = transcript.post({ conversation: id, id: 'm1', text: 'Make it blue\u001b]0;owned\u0007', user: USER });
  transcript.takeTurn({ pid: 1, start_ticks: 1, boot_id: 'x' });
  const attempt = { id: 'a1', kind: 'deploy', status: 'running', commit: 'b'.repeat(40) } as AttemptView;
  transcript.appendAttempt({ conversation: id, turn }, 1, attempt);
  transcript.append({ conversation: id, turn }, { kind: 'text', block: 'b', delta: 'It is ' });
  transcript.appendAttempt({ conversation: id, turn }, 2, { ...attempt, status: 'succeeded' });
  transcript.append({ conversation: id, turn }, { kind: 'text', block: 'b', delta: 'blue.' });
  transcript.append({ conversation: id, turn }, { kind: 'tool', call: '1', title: 'Edit \u001b[2Jfile', status: 'completed' });
  transcript.append(
    { conversation: id, turn },
    { kind: 'commit', commit: 'a'.repeat(40), subject: 'Blue', files: 1, added: 1, removed: 1 },
  );

  const listed = await machine.greenroom(['conversations']);
  assert.match(listed.stdout, new RegExp(`^${id}  Make it blue`));
  const shown = await machine.greenroom(['conversations', id]);
  assert.match(shown.stdout, /Ada.*Lovelace[\s\S]*Make it blue[\s\S]*It is blue\.[\s\S]*Edit .*file[\s\S]*aaaaaaaaaa Blue/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  for (const { stdout } of [listed, shown]) assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f]/);
  const asJson = JSON.parse((await machine.greenroom(['conversations', id, '--json'])).stdout);
  assert.deepEqual(
    asJson.events.map(({ kind }: { kind: string }) => kind),
    ['message', 'turn', 'turn', 'attempt', 'text', 'text', 'tool', 'commit'],
  );

  const busy = await machine.greenroom(['conversations', '--delete', id]);
  assert.deepEqual([busy.code, /under way/.test(busy.stderr)], [1, true]);
  transcript.finish(turn, 'completed', { detail: '' });
  assert.equal((await machine.greenroom(['conversations', '--prune', '1'])).stdout, '0 conversations are removed.\n');
  assert.equal((await machine.greenroom(['conversations', '--delete', id])).code, 0);
  const gone = await machine.greenroom(['conversations', id, '--json']);
  assert.deepEqual([gone.code, JSON.parse(gone.stdout).code], [1, 'not_found']);
  assert.equal((await machine.greenroom(['conversations', id, '--prune', '2'])).code, 2);
});

test('a transcript that cannot be used is said in a sentence', async (t) => {
  const machine = await createMachine(t);
  const file = layoutOf(machine.app.data).transcript;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, 'no database, whatever its name says. '.repeat(100));
  const text = await machine.greenroom(['conversations']);
  assert.deepEqual([text.code, text.stdout], [1, '']);
  assert.match(text.stderr, /^✗ A database of the data directory cannot be used \(file is not a database\).*\n$/);
  const asJson = await machine.greenroom(['conversations', '--json']);
  assert.deepEqual([asJson.code, JSON.parse(asJson.stdout).code], [1, 'system_error']);
});
