import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Gated, gated, plumb } from './rig.ts';

const BODY = Array.from({ length: 30 }, (_, index) => `line ${index}`);

/** The file with some lines changed. */
function body(changes: Record<number, string> = {}): string {
  return `${BODY.map((line, index) => changes[index] ?? line).join('\n')}\n`;
}

const AGENT = { trigger: 'agent', branch: 'machine' };

/** An app whose agent has a branch of its own from the first commit on. */
async function branched(t: Parameters<typeof gated>[0]): Promise<Gated> {
  const it = await gated(t, { 'app.js': body(), 'other.js': body(), 'small.js': 'small\n' });
  it.git('branch', 'machine');
  return it;
}

function on(it: Gated, branch: string, files: Parameters<Gated['commit']>[0], subject?: string): string {
  it.git('checkout', '-q', branch);
  return it.commit(files, subject);
}

function merge(it: Gated, into: string, from: string, ...options: string[]): string {
  it.git('checkout', '-q', into);
  it.git('merge', '-q', '--no-edit', ...options, from);
  return it.git('rev-parse', 'HEAD');
}

test("an agent's commit that lacks human work on main is refused, with the merge to run; after it the commit passes", async (t) => {
  const it = await branched(t);
  const human = on(it, 'main', { 'app.js': body({ 3: 'human' }) });
  const agent = on(it, 'machine', { 'other.js': body({ 20: 'agent' }) });
  const { error, evidence } = await it.refused(agent, 'gate_stale_base', AGENT);
  assert.match(error, /does not contain main .* in "app\.js"/);
  assert.ok(evidence?.remedy?.includes(`git fetch origin main && git merge ${human}`));
  await it.refused(agent, 'gate_stale_base', { trigger: 'manual', branch: '' });
  await it.passes(merge(it, 'machine', 'main'), AGENT);
});

test('a line that a human changed meanwhile is not the agent’s to write anew, unless it merged theirs', async (t) => {
  const it = await branched(t);
  on(it, 'main', { 'app.js': body({ 3: 'human' }) });
  const agent = on(it, 'machine', { 'app.js': body({ 3: 'agent' }) });
  const { error } = await it.refused(agent, 'gate_stale_base', AGENT);
  assert.match(error, /would take back a change in "app\.js"/);
  const both = merge(it, 'machine', 'main', '-X', 'ours');
  assert.equal(it.git('show', `${both}:app.js`).split('\n')[3], 'agent');
  await it.passes(both, AGENT);
});

test('human work that is live counts, on main or not; a human may deploy anything', async (t) => {
  const it = await branched(t);
  const hotfix = on(it, 'main', {}, 'base');
  it.git('checkout', '-q', '-b', 'hotfix');
  const live = on(it, 'hotfix', { 'app.js': body({ 5: 'hotfix' }) });
  const agent = merge(it, 'machine', 'main');
  const { error } = await it.refused(on(it, 'machine', { 'other.js': body({ 1: 'agent' }) }), 'gate_stale_base', { ...AGENT, live });
  assert.match(error, /the live release .* which a human made/);
  await it.passes(hotfix, { live, branch: 'main' });
  await it.passes(merge(it, 'machine', 'hotfix'), { ...AGENT, live });
  await it.passes(agent, { ...AGENT, live, liveFrom: 'agent' });
});

test("how humans settled a conflict among themselves counts: the side that lost is not the agent's own version", async (t) => {
  const it = await branched(t);
  const theirs = it.commit({ 'app.js': body({ 3: 'one human' }) });
  it.git('checkout', '-q', '-B', 'machine');
  const agent = it.commit({ 'app.js': body({ 3: 'one human', 20: 'agent' }) });
  it.git('checkout', '-q', '-B', 'main', it.first);
  it.commit({ 'app.js': body({ 3: 'another human' }) });
  it.git('merge', '-q', '--no-edit', '-X', 'ours', theirs);
  await it.refused(agent, 'gate_stale_base', { ...AGENT, live: it.git('rev-parse', 'main') });
  it.git('checkout', '-q', 'machine');
  it.git('merge', '-q', '--no-edit', 'main');
  await it.passes(it.git('rev-parse', 'HEAD'), { ...AGENT, live: it.git('rev-parse', 'main') });
});

test('a merge that keeps only its own side is refused', async (t) => {
  const it = await branched(t);
  on(it, 'main', { 'app.js': body({ 3: 'human' }) });
  on(it, 'machine', { 'other.js': body({ 20: 'agent' }) });
  const { error, evidence } = await it.refused(merge(it, 'machine', 'main', '-s', 'ours'), 'gate_stale_base', AGENT);
  assert.match(error, /undoes what a human changed in "app\.js"/);
  assert.equal(evidence?.rule, 'stale_base: undone');
});

test('one hunk of several that is undone after the merge is found; own edits of the same lines are not', async (t) => {
  const it = await branched(t);
  on(it, 'main', { 'app.js': body({ 3: 'human A', 25: 'human B' }) });
  on(it, 'machine', { 'other.js': body({ 20: 'agent' }) });
  const merged = merge(it, 'machine', 'main');
  await it.refused(on(it, 'machine', { 'app.js': body({ 3: 'human A', 12: 'agent' }) }), 'gate_stale_base', AGENT);
  it.git('reset', '-q', '--hard', merged);
  await it.passes(on(it, 'machine', { 'app.js': body({ 3: 'human A', 25: 'human B, adapted by the agent' }) }), AGENT);
  it.git('reset', '-q', '--hard', merged);
  await it.refused(on(it, 'machine', { 'app.js': body({ 3: 'agent over it', 25: 'line 25' }) }), 'gate_stale_base', AGENT);
});

test('a line of a human’s that humans have gone on from is no own version of the agent’s', async (t) => {
  const it = await branched(t);
  on(it, 'main', { 'app.js': body({ 3: 'human A' }) });
  on(it, 'machine', { 'other.js': body({ 20: 'agent' }) });
  merge(it, 'machine', 'main');
  on(it, 'main', { 'app.js': body() });
  merge(it, 'machine', 'main', '-s', 'ours');
  on(it, 'main', { 'app.js': body({ 3: 'human B' }) });
  const { evidence } = await it.refused(merge(it, 'machine', 'main', '-X', 'ours'), 'gate_stale_base', AGENT);
  assert.equal(evidence?.rule, 'stale_base: undone');
  await it.passes(on(it, 'machine', { 'app.js': body({ 3: 'human B, adapted by the agent' }) }), AGENT);
});

test('what a merge dropped stays missed when the rest of main came by a squash, until humans drop it themselves', async (t) => {
  const it = await branched(t);
  on(it, 'main', { 'app.js': body({ 3: 'human' }) });
  on(it, 'machine', { 'other.js': body({ 20: 'agent' }) });
  const dropped = merge(it, 'machine', 'main', '-s', 'ours');
  on(it, 'main', { 'other.js': body({ 20: 'agent' }) }, 'squash machine');
  const { evidence } = await it.refused(dropped, 'gate_stale_base', AGENT);
  assert.equal(evidence?.rule, 'stale_base: undone');
  on(it, 'main', { 'app.js': body() });
  await it.passes(dropped, AGENT);
});

test('files that a human added, deleted or changed do not come back or go away', async (t) => {
  const it = await branched(t);
  const added = Array.from({ length: 30 }, (_, index) => `added ${index}\n`).join('');
  on(it, 'main', { 'new.js': added, 'small.js': null, 'app.js': body({ 1: 'human' }) });
  const merged = merge(it, 'machine', 'main');
  await it.passes(merged, AGENT);
  for (const files of [{ 'new.js': null }, { 'small.js': 'small\n' }, { 'app.js': null }, { 'app.js': null, 'copy.js': body() }]) {
    await it.refused(on(it, 'machine', files), 'gate_stale_base', AGENT);
    it.git('reset', '-q', '--hard', merged);
  }
  it.git('mv', 'app.js', 'moved.js');
  await it.passes(on(it, 'machine', {}), AGENT);
});

test("a human's change that is live and new in that release is not undone by work that begins on it", async (t) => {
  const it = await branched(t);
  const human = on(it, 'main', { 'app.js': body({ 3: 'human' }) });
  await it.fetch();
  plumb(it.mirror, '', 'update-ref', 'refs/greenroom/previous', it.first);
  merge(it, 'machine', 'main');
  await it.refused(on(it, 'machine', { 'app.js': body({ 8: 'agent' }) }), 'gate_stale_base', { ...AGENT, live: human });
  await it.passes(on(it, 'machine', { 'app.js': body({ 3: 'human', 8: 'agent' }) }), { ...AGENT, live: human });
});

test('what a deploy undid with an override does not refuse the next one', async (t) => {
  const it = await branched(t);
  on(it, 'main', { 'app.js': body({ 3: 'human' }) });
  merge(it, 'machine', 'main');
  const undone = on(it, 'machine', { 'app.js': body() });
  assert.match(
    await it.passes(undone, { ...AGENT, overrides: [{ commit: undone, code: 'gate_stale_base' }] }),
    /gate_stale_base overridden/,
  );
  await it.passes(on(it, 'machine', { 'other.js': body({ 9: 'agent' }) }), { ...AGENT, live: undone });
});

test('squash-merged work counts by content, a revert of it too', async (t) => {
  const it = await branched(t);
  on(it, 'machine', { 'other.js': body({ 20: 'agent 1' }) });
  const agent = on(it, 'machine', { 'other.js': body({ 20: 'agent 1', 22: 'agent 2' }) });
  it.git('checkout', '-q', 'main');
  it.git('merge', '-q', '--squash', 'machine');
  on(it, 'main', {}, 'squashed');
  await it.passes(agent, AGENT);
  await it.passes(on(it, 'machine', { 'app.js': body({ 7: 'newer' }) }), AGENT);
  on(it, 'main', { 'other.js': body() }, 'revert the agent');
  const { evidence } = await it.refused(it.git('rev-parse', 'machine'), 'gate_stale_base', AGENT);
  assert.equal(evidence?.file, 'other.js');
});

test('criss-cross merges pass while nothing is lost', async (t) => {
  const it = await branched(t);
  on(it, 'main', { 'app.js': body({ 3: 'human 1' }) });
  const agent = on(it, 'machine', { 'other.js': body({ 3: 'agent 1' }) });
  const human = it.git('rev-parse', 'main');
  merge(it, 'main', agent);
  merge(it, 'machine', human);
  on(it, 'main', { 'app.js': body({ 3: 'human 1', 15: 'human 2' }) });
  on(it, 'machine', { 'other.js': body({ 3: 'agent 1', 15: 'agent 2' }) });
  await it.refused(it.git('rev-parse', 'machine'), 'gate_stale_base', AGENT);
  const merged = merge(it, 'machine', 'main');
  await it.passes(merged, AGENT);
  await it.refused(on(it, 'machine', { 'app.js': body({ 3: 'human 1' }) }), 'gate_stale_base', AGENT);
});

test('an older commit of main that an agent deploys is refused, the head passes', async (t) => {
  const it = await branched(t);
  const older = on(it, 'main', { 'app.js': body({ 3: 'one' }) });
  const head = on(it, 'main', { 'app.js': body({ 3: 'two' }) });
  await it.refused(older, 'gate_stale_base', { trigger: 'agent' });
  await it.passes(head, { trigger: 'agent' });
  await it.passes(older, { branch: 'main', trigger: 'manual' });
});

test('hostile attributes do not change how work is compared', async (t) => {
  const it = await branched(t);
  on(it, 'main', { 'app.js': body({ 3: 'human' }) });
  on(it, 'machine', { '.gitattributes': '* merge=ours -diff binary\n' });
  await it.refused(merge(it, 'machine', 'main', '-s', 'ours'), 'gate_stale_base', AGENT);
});

test('what humans take back on main after it went live is not the agent’s to bring back', async (t) => {
  const it = await branched(t);
  const live = on(it, 'main', { 'app.js': body({ 3: 'human' }) });
  on(it, 'main', { 'app.js': body() }, 'a human takes it back');
  merge(it, 'machine', 'main');
  const agent = on(it, 'machine', { 'other.js': body({ 20: 'agent' }) });
  await it.passes(agent, { ...AGENT, live });
  plumb(it.mirror, '', 'update-ref', 'refs/greenroom/previous', it.first);
  await it.passes(agent, { ...AGENT, live });
});
