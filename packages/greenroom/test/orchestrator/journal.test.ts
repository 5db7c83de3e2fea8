import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openJournal } from '../../src/orchestrator/adapters/journal/file.ts';
import { readJournal } from '../../src/orchestrator/adapters/journal/read.ts';
import { createRecorder } from '../../src/orchestrator/adapters/journal/recorder.ts';
import { replay } from '../../src/orchestrator/adapters/journal/replay.ts';
import { verifyJournal } from '../../src/orchestrator/adapters/journal/verify.ts';
import { createStateWriter, readState } from '../../src/orchestrator/adapters/state-file.ts';
import type { MachineEvent } from '../../src/orchestrator/core/events.ts';
import { initialState } from '../../src/orchestrator/core/state.ts';

const nothing = (): void => undefined;
const unheard = { tally: { take: nothing }, announce: nothing };
const now = (): number => 1_770_000_000_000;

describe('the journal', () => {
  let folder = '';
  let file = '';
  let state = '';
  let unmount = nothing;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gr-journal-'));
    file = join(folder, 'journal.jsonl');
    state = join(folder, 'state.json');
  });
  afterEach(async () => {
    unmount();
    unmount = nothing;
    await rm(folder, { recursive: true });
  });

  const verify = (): ReturnType<typeof verifyJournal> => verifyJournal({ journal: file, state });

  async function write(count: number): Promise<void> {
    const journal = await openJournal(file, null, now);
    for (let index = 0; index < count; index += 1) await journal.append({ type: 'watch_elapsed', attempt: `a${index}`, text: 'ü"\n' });
    await journal.close();
  }

  async function lines(): Promise<string[]> {
    return (await readFile(file, 'utf8')).trimEnd().split('\n');
  }

  it('verifies what was appended, over several openings', async () => {
    await write(3);
    await write(4);
    assert.deepEqual(await verify(), { ok: true, records: 7, problems: [] });
  });

  it('keeps call order when appends are not awaited', async () => {
    const journal = await openJournal(file, null, now);
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => journal.append({ type: 't', index })));
    await journal.close();
    assert.deepEqual(
      answers.map((it) => it.seq),
      Array.from({ length: 50 }, (_, index) => index + 1),
    );
    assert.equal((await verify()).ok, true);
  });

  it('names a changed record, once, by its line', async () => {
    await write(5);
    const changed = (await lines()).map((line, index) => (index === 2 ? line.replace('a2', 'a9') : line));
    await writeFile(file, `${changed.join('\n')}\n`);
    const { ok, problems } = await verify();
    assert.equal(ok, false);
    assert.deepEqual(
      problems.map(({ line, problem }) => [line, /was changed/.test(problem)]),
      [[3, true]],
    );
  });

  it('finds a removed, a doubled and a swapped record', async () => {
    await write(5);
    const [a = '', b = '', c = '', d = '', e = ''] = await lines();
    for (const [name, damaged] of [
      ['removed', [a, b, d, e]],
      ['doubled', [a, b, b, c, d, e]],
      ['swapped', [a, c, b, d, e]],
      ['emptied', [a, b, '', d, e]],
      ['first removed', [b, c, d, e]],
    ] as const) {
      await writeFile(file, `${damaged.join('\n')}\n`);
      assert.equal((await verify()).ok, false, name);
    }
  });

  it('finds a record that was rewritten with a hash of its own', async () => {
    await write(3);
    const kept = await lines();
    await rm(file);
    const forged = await openJournal(file, null, now);
    await forged.append({ type: 'watch_elapsed', attempt: 'forged', text: '' });
    await forged.close();
    await writeFile(file, `${[(await lines())[0], ...kept.slice(1)].join('\n')}\n`);
    const { problems } = await verify();
    assert.deepEqual(
      problems.map(({ line }) => line),
      [2],
    );
  });

  it('finds a cut end against the remembered state, and keeps showing the gap after more was appended', async () => {
    await write(5);
    const opened = await openJournal(file, null, now);
    const head = opened.head();
    await opened.close();
    await writeFile(state, JSON.stringify({ journal: head, state: initialState() }));
    await writeFile(file, `${(await lines()).slice(0, 3).join('\n')}\n`);
    assert.match((await verify()).problems[0]?.problem ?? '', /last 2 record\(s\), 4 to 5, were cut off/);

    const journal = await openJournal(file, head, now);
    assert.equal((await journal.append({ type: 't' })).seq, 6);
    await journal.close();
    assert.match((await verify()).problems[0]?.problem ?? '', /record 6 where 4 belongs/);
  });

  it('sets a torn last line aside and goes on from the last whole record', async () => {
    await write(3);
    const whole = await readFile(file);
    await appendFile(file, '{"seq":4,"time":"2026-');
    assert.match((await verify()).problems[0]?.problem ?? '', /is torn/);
    const journal = await openJournal(file, null, now);
    assert.equal((await journal.append({ type: 't' })).seq, 4);
    await journal.close();
    assert.equal((await verify()).ok, true);
    assert.deepEqual((await readFile(file)).subarray(0, whole.length), whole);
    assert.equal(await readFile(join(folder, 'journal.jsonl.torn-4'), 'utf8'), '{"seq":4,"time":"2026-');
  });

  it('recovers from a cut at every byte of the last two records', async () => {
    await write(4);
    const whole = await readFile(file);
    const begin = whole.length - ((await lines()).slice(-2).join('\n').length + 1);
    for (let size = begin; size <= whole.length; size += 7) {
      await writeFile(file, whole);
      await truncate(file, size);
      const journal = await openJournal(file, null, now);
      await journal.append({ type: 't' });
      await journal.close();
      assert.equal((await verify()).ok, true, `cut at byte ${size}`);
    }
  });

  it('refuses a request on a full disk, keeps what happened anyway, and leaves nothing half-written', async () => {
    const small = join(folder, 'small');
    execFileSync('mkdir', [small]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', small]);
    unmount = () => execFileSync('umount', [small]);
    file = join(small, 'journal.jsonl');
    state = join(small, 'state.json');
    const said: string[] = [];
    const journal = await openJournal(file, null, now);
    const recorder = createRecorder(
      journal,
      createStateWriter(state, (line) => said.push(line)),
      (line) => said.push(line),
    );
    const event = (attempt: string): MachineEvent => ({ at: now(), type: 'watch_elapsed', attempt });
    await recorder.record(event('a-0'), true);
    execFileSync('sh', ['-c', `head -c 100000 /dev/zero > ${small}/ballast || true`], { stdio: 'ignore' });
    await assert.rejects(recorder.record(event('x'.repeat(5_000)), true), /cannot be written: .*(ENOSPC|bytes could be written)/);
    await recorder.record(event('y'.repeat(5_000)), false);
    assert.match(await recorder.catchUp(), /cannot be written/);
    assert.deepEqual(await verify(), { ok: true, records: 1, problems: [] });

    execFileSync('rm', [join(small, 'ballast')]);
    assert.equal(await recorder.catchUp(), '');
    await recorder.record(event('a-3'), true);
    await recorder.close();
    assert.deepEqual(await verify(), { ok: true, records: 3, problems: [] });
    const kept = (await lines()).map((line) => (JSON.parse(line) as { attempt: string }).attempt[0]);
    assert.deepEqual(kept, ['a', 'y', 'a']);
  });

  it('replays to the same state from any saved one, and from none', async () => {
    const journal = await openJournal(file, null, now);
    const request = { kind: 'deploy', commit: 'c', branch: '', reason: '', trigger: 'manual', caller: 'tcp', at: now() } as const;
    const events: MachineEvent[] = [
      { at: 1, type: 'started', policy: { standby_ms: 0, watch_ms: 50 }, alive: [], route: null },
      { at: 2, type: 'deploy_requested', request: { ...request, id: 'one' } },
      { at: 3, type: 'step_succeeded', attempt: 'one', step: 'resolve', ms: 1, data: { commit: 'cccc' } },
      { at: 4, type: 'step_succeeded', attempt: 'one', step: 'gate', ms: 1, data: {} },
      { at: 5, type: 'step_succeeded', attempt: 'one', step: 'prepare', ms: 1, data: {} },
      { at: 6, type: 'step_succeeded', attempt: 'one', step: 'boot', ms: 1, data: {} },
      { at: 7, type: 'step_succeeded', attempt: 'one', step: 'probe', ms: 1, data: {} },
      { at: 8, type: 'step_succeeded', attempt: 'one', step: 'promote', ms: 1, data: {} },
      { at: 9, type: 'watch_elapsed', attempt: 'one' },
    ];
    const heads = [];
    for (const event of events) heads.push((await journal.append({ ...event })).head);
    await journal.close();
    const { records } = await readJournal(file);
    const taken: string[] = [];
    const take = ({ type }: { type: string }): void => void taken.push(type);
    const whole = replay(records, null, { tally: { take }, announce: nothing });
    assert.equal(whole.state.live?.commit, 'cccc');
    assert.equal(whole.history.get('one')?.status, 'succeeded');
    assert.deepEqual(
      taken,
      events.map(({ type }) => type),
    );
    for (const [index, head] of heads.entries()) {
      const { state: part } = replay(records.slice(0, index + 1), null, unheard);
      const saved = { journal: { seq: head.seq, hash: head.hash }, state: part };
      assert.deepEqual(replay(records, saved, unheard).state, whole.state, `saved after event ${index + 1}`);
    }
  });

  it('writes the newest state, whole, and reads anything else as none', async () => {
    const writer = createStateWriter(state, assert.fail);
    for (let seq = 1; seq <= 20; seq += 1) writer.save({ journal: { seq, hash: 'h' }, state: initialState() });
    await writer.flush();
    assert.equal((await readState(state))?.journal.seq, 20);
    assert.deepEqual(await readdir(folder), ['state.json']);
    for (const broken of ['', '{', 'null', '{"journal":{}}', '[]']) {
      await writeFile(state, broken);
      assert.equal(await readState(state), null, broken);
    }
  });
});
