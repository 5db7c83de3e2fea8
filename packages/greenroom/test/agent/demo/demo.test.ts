import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { client, methods, ndJsonStream, PROTOCOL_VERSION, type SessionUpdate } from '@agentclientprotocol/sdk';

const ROOT = new URL('../../../../..', import.meta.url).pathname;
const CLI = join(ROOT, 'packages/greenroom/src/cli/main.ts');

test('asked for a colour it edits, commits and deploys, and tells each of it', async (t) => {
  const rig = makeRig(t, 'exit 0');
  const { updates, stopReason, agent } = await ask(t, rig, 'Could you make it blue, please?');
  assert.equal(stopReason, 'end_turn');
  assert.match(agent, /scripted, no AI/);
  assert.match(readFileSync(join(rig.repo, 'src/content.ts'), 'utf8'), /hue: 220/);
  assert.equal(git(rig.repo, 'log', '-1', '--format=%s'), 'Make the guestbook blue');
  assert.deepEqual(
    updates.flatMap((update) => (update.sessionUpdate === 'tool_call' ? [`${update.kind}: ${update.title}`] : [])),
    ['edit: Set the accent colour to blue', 'execute: Commit', 'execute: Deploy'],
  );
  assert.ok(updates.some((update) => update.sessionUpdate === 'tool_call_update' && update.content?.[0]?.type === 'diff'));
  assert.match(readFileSync(rig.calls, 'utf8'), /^deploy --reason Make the guestbook blue$/m);
  assert.match(textOf(updates), /it is live/);
});

test('words of a greeting are data: quotes and code in them stay text', async (t) => {
  const rig = makeRig(t, 'exit 0');
  const words = '$' + '{process.exit(1)} \\ it is $& fine';
  await ask(t, rig, `Change the greeting to "${words}"`);
  const { content } = await import(join(rig.repo, 'src/content.ts'));
  assert.equal(content.greeting, words);
});

test('a refused deploy is read, taken back and repaired', async (t) => {
  const rig = makeRig(t, 'if grep -q "pinged.run(commit)" src/store.ts; then echo "deep_check_failed"; exit 1; fi');
  const { updates } = await ask(t, rig, 'Break it!');
  assert.match(textOf(updates), /Repaired, and live/);
  assert.equal(readFileSync(rig.calls, 'utf8').match(/^deploy/gm)?.length, 2);
  assert.match(readFileSync(join(rig.repo, 'src/store.ts'), 'utf8'), /pinged\.run\(commit, new Date/);
});

test('it says of a deploy what came of it, and nothing else', async (t) => {
  const told = async (then: string, text: string): Promise<string> => textOf((await ask(t, makeRig(t, then), text)).updates);
  const waiting = await told("echo 'waits for a person’s approval'; echo 'it is not live yet.'", 'Make it blue');
  assert.match(waiting, /waits for somebody to approve it/);
  assert.doesNotMatch(waiting, /it is live/);
  const denied = await told("echo 'waits for a person’s approval'; echo 'code: not_approved'; exit 1", 'Make it blue');
  assert.match(denied, /did not go live/);
  assert.doesNotMatch(denied, /waits for somebody/);
  for (const text of ['Break it!', 'Put a secret into the code']) {
    const frozen = await told("echo 'code: frozen'; exit 1", text);
    assert.match(frozen, /did not go live[\s\S]*refused for another reason/);
    assert.doesNotMatch(frozen, /deep check found|before anything ran|Repaired|is clean/);
  }
});

test('told to continue it ships what an interrupted turn left behind', async (t) => {
  const rig = makeRig(t, 'exit 0');
  const file = join(rig.repo, 'src/content.ts');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/hue: \d+/, 'hue: 25'));
  await ask(t, rig, 'Continue where you were interrupted.');
  assert.equal(git(rig.repo, 'status', '--porcelain'), '');
  assert.match(readFileSync(rig.calls, 'utf8'), /^deploy /m);
});

test('whatever else is said, it tells what it knows and that it is no AI', async (t) => {
  const rig = makeRig(t, 'exit 0');
  const { updates } = await ask(t, rig, 'Write me a poem');
  assert.match(textOf(updates), /scripted, no AI/);
  assert.equal(git(rig.repo, 'status', '--porcelain'), '');
});

interface Rig {
  repo: string;
  bin: string;
  calls: string;
}

/** The guestbook in a repository, and a `greenroom` command that notes its arguments and then does as told. */
function makeRig(t: TestContext, then: string): Rig {
  const folder = mkdtempSync(join(tmpdir(), 'demo-agent-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [repo, bin, calls] = [join(folder, 'repo'), join(folder, 'bin'), join(folder, 'calls')];
  cpSync(join(ROOT, 'examples/guestbook/src'), join(repo, 'src'), { recursive: true });
  mkdirSync(bin);
  writeFileSync(calls, '');
  writeFileSync(join(bin, 'greenroom'), `#!/bin/sh\necho "$*" >> '${calls}'\n${then}\n`);
  chmodSync(join(bin, 'greenroom'), 0o755);
  git(repo, 'init', '--quiet');
  git(repo, 'config', 'user.name', 'Test');
  git(repo, 'config', 'user.email', 'test@example.invalid');
  git(repo, 'add', '--all');
  git(repo, 'commit', '--quiet', '--message', 'A guestbook');
  return { repo, bin, calls };
}

/** One prompt to the agent, by the official client. */
async function ask(
  t: TestContext,
  { repo, bin }: Rig,
  text: string,
): Promise<{ updates: SessionUpdate[]; stopReason: string; agent: string }> {
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}`, DEMO_AGENT_PACE_MS: '0' };
  const child = spawn(process.execPath, [CLI, 'demo-agent'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const updates: SessionUpdate[] = [];
  const app = client({ name: 'test' });
  app.onNotification(methods.client.session.update, ({ params }) => void updates.push(params.update));
  const stream = ndJsonStream(Writable.toWeb(child.stdin), Readable.toWeb(child.stdout) as ReadableStream<Uint8Array>);
  const answer = await app.connectWith(stream, async (agent) => {
    const { agentInfo } = await agent.request(methods.agent.initialize, { protocolVersion: PROTOCOL_VERSION, clientCapabilities: {} });
    const { sessionId } = await agent.request(methods.agent.session.new, { cwd: repo, mcpServers: [] });
    const { stopReason } = await agent.request(methods.agent.session.prompt, { sessionId, prompt: [{ type: 'text', text }] });
    return { stopReason, agent: agentInfo?.title ?? '' };
  });
  child.stdin.end();
  if (child.exitCode === null) await once(child, 'exit');
  return { updates, ...answer };
}

function textOf(updates: readonly SessionUpdate[]): string {
  return updates
    .map((update) => (update.sessionUpdate === 'agent_message_chunk' && update.content.type === 'text' ? update.content.text : ''))
    .join('');
}

function git(repo: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd: repo, encoding: 'utf8' }).trim();
}
