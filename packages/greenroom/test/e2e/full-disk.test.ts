import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Refusal } from '@greenroom/sdk/wire';
import { git } from '../../../../bench/harness/repo.ts';
import { openRig, pidOf, type Rig, until } from './rig.ts';

const MEGABYTE = 1024 * 1024;

/** Leaves about that much room on the disk of the data directory. */
function fill(rig: Rig, leave: number): void {
  const { bavail, bsize } = statfsSync(rig.data);
  writeFileSync(join(rig.data, 'ballast'), Buffer.alloc(Math.max(0, bavail * bsize - leave)));
}

const free = (rig: Rig): void => rmSync(join(rig.data, 'ballast'), { force: true });

test('on a full disk deploys are refused, the live release serves on, and with space again all is well', async (t) => {
  let mounted = '';
  t.after(() => {
    if (mounted) execFileSync('umount', ['-l', mounted]);
  });
  const rig = await openRig(t, {
    contract: { setup_command: 'sh setup.sh', setup_inputs: ['setup.sh'] },
    prepare(root) {
      const data = join(root, 'data');
      mkdirSync(data);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tmpfs', data]);
      mounted = data;
    },
  });
  const quiet = 'true\n';
  await rig.live(rig.commit({ name: 'one' }, { 'setup.sh': quiet }));
  await rig.live(rig.commit({ name: 'two' }));

  // Also after a part that failed.
  t.afterEach(() => free(rig));
  await t.test('before the request: the request itself is refused, because it could not be recorded', async () => {
    const commit = rig.commit({ name: 'three' });
    const before = await rig.status();
    fill(rig, 0);
    // The journal's last page has room for some records still: until it is full, what is refused is the work, then the request itself.
    const refusals: Refusal[] = [];
    await until(
      async () => {
        const { status, body } = await rig.api('POST', '/deploy', { commit, reason: 'x'.repeat(2_000) });
        const refusal = JSON.parse(body) as Refusal;
        refusals.push(refusal);
        assert.deepEqual([refusal.success, status], [false, refusal.code === 'journal_unwritable' ? 507 : 404], body);
        return refusal.code === 'journal_unwritable';
      },
      () => JSON.stringify(refusals),
    );
    for (const refusal of refusals) {
      assert.match(refusal.error, /no space left/i);
      if (refusal.code === 'commit_not_found') assert.match(refusal.evidence?.remedy ?? '', /Free some space/);
    }
    assert.match(refusals.at(-1)?.error ?? '', /journal\.jsonl cannot be written/);
    assert.equal((await rig.visit()).body, 'two\n');
    const after = await rig.status();
    assert.deepEqual([after.live_commit, after.healthy, pidOf(after)], [before.live_commit, true, pidOf(before)]);
    free(rig);
    await rig.live(commit);
  });

  await t.test('while the commit is checked out', async () => {
    // Compresses to nothing in the repository, and takes its size in a slot.
    const commit = rig.commit({ name: 'four' }, { 'large.txt': 'x'.repeat(4 * MEGABYTE) });
    fill(rig, 2 * MEGABYTE);
    const { evidence } = await rig.refused({ commit }, { code: 'slot_failed', step: 'prepare', error: /disk is full/ });
    assert.match(evidence?.remedy ?? '', /[Ff]ree some space/);
    free(rig);
    await rig.live(commit);
  });

  await t.test('while setup runs', async () => {
    const fills = 'head -c 8000000 /dev/zero > installed.bin';
    const ignored = { '.gitignore': '/data\n*.bin\n' };
    // As most installers do: what cannot be finished is removed again.
    const tidy = rig.commit({ name: 'five' }, { 'setup.sh': `${fills} || { rm installed.bin; exit 1; }\n`, ...ignored });
    fill(rig, 6 * MEGABYTE);
    const { evidence } = await rig.refused({ commit: tidy }, { code: 'setup_failed', step: 'prepare', error: /code 1/ });
    assert.match(evidence?.log_tail?.join('\n') ?? '', /No space left/);
    // Not a byte left: not even what setup did can be written down.
    const greedy = rig.commit({ name: 'six' }, { 'setup.sh': `${fills}\n` });
    await rig.refused({ commit: greedy }, { code: 'slot_failed', step: 'prepare', error: /disk is full/ });
    free(rig);
    await rig.live(greedy);
    assert.equal((await rig.visit()).body, 'six\n');
  });

  await t.test('rollback, restart and journal afterwards', async () => {
    assert.ok((await rig.client.rollback()).success);
    assert.equal((await rig.visit()).body, 'four\n');
    await rig.kill();
    await rig.start();
    assert.equal((await rig.visit()).body, 'four\n');
    assert.equal((await rig.status()).journal.intact, true);
    const { code, output } = await rig.cli(['log', '--verify']);
    assert.equal(code, 0, output);
    assert.equal(git(join(rig.data, 'repo.git'), 'fsck', '--no-dangling'), '');
  });
});
