import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { countTurn } from '../../src/agent/turn-counts.ts';
import { readAgentTurns } from '../../src/orchestrator/adapters/agent-turns.ts';

describe('the counts of turns', () => {
  it('add up over processes, and begin anew when they cannot be understood', async (t) => {
    const file = join(folder(t), 'turns.json');
    assert.deepEqual(await readAgentTurns(file), []);
    await countTurn(file, ago(4), 'completed', assert.fail);
    await countTurn(file, ago(100_000), 'completed', assert.fail);
    await countTurn(file, { started_at: '' }, 'interrupted', assert.fail);
    const [completed, interrupted] = await readAgentTurns(file);
    assert.deepEqual([completed?.outcome, interrupted?.outcome], ['completed', 'interrupted']);
    assert.equal(completed?.histogram.counts[completed.histogram.bounds.indexOf(5)], 1);
    assert.equal(completed?.histogram.counts.at(-1), 1, 'longer than the last bound');
    assert.equal(interrupted?.histogram.counts[0], 1, 'one whose begin is not known took no time');
    writeFileSync(file, '{"version":1,"bounds":[1],"outcomes":{"completed":{"counts":[9,9],"sum":1}}}');
    await countTurn(file, ago(4), 'failed', assert.fail);
    assert.deepEqual(
      (await readAgentTurns(file)).map(({ outcome }) => outcome),
      ['failed'],
    );
  });

  it('are none when somebody wrote anything else there', async (t) => {
    const file = join(folder(t), 'turns.json');
    const wrong = [
      '',
      'null',
      '{"version":2}',
      '{"version":1,"bounds":[2,1],"outcomes":{}}',
      '{"version":1,"bounds":[1],"outcomes":{"completed":{"counts":[1],"sum":1}}}',
      '{"version":1,"bounds":[1],"outcomes":{"completed":{"counts":[1,-1],"sum":1}}}',
      '{"version":1,"bounds":[1],"outcomes":{"happy":{"counts":[1,1],"sum":1}}}',
      `{"version":1,"bounds":[1],"outcomes":{},"more":"${'x'.repeat(1_000_000)}"}`,
    ];
    for (const text of wrong) {
      writeFileSync(file, text);
      assert.deepEqual(await readAgentTurns(file), [], text.slice(0, 100));
    }
    rmSync(file);
    symlinkSync('/dev/zero', file);
    assert.deepEqual(await readAgentTurns(file), []);
  });

  it('are said in the log when they cannot be written, and nothing else comes of it', async (t) => {
    const said: string[] = [];
    await countTurn(join(folder(t), 'none', 'turns.json'), ago(1), 'completed', (line) => said.push(line));
    assert.match(said.join(), /^The turn could not be counted: ENOENT/);
  });
});

const ago = (seconds: number): { started_at: string } => ({ started_at: new Date(Date.now() - seconds * 1_000).toISOString() });

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'turns-'));
  t.after(() => rmSync(made, { recursive: true }));
  return made;
}
