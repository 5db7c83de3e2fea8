import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contractSchema } from '../../src/orchestrator/core/contract.ts';
import { parseJsonText } from '../../src/orchestrator/core/contract-json.ts';
import { parseContract } from '../../src/orchestrator/core/contract-parse.ts';
import { formatProblem } from '../../src/orchestrator/core/contract-problems.ts';

const least = { start_command: 'x', port: 3000, health_endpoint: '/' };

/** Any JSON, and contracts of which some fields hold any JSON: the interesting mistakes are near to right ones. */
const almostContract = fc
  .dictionary(fc.constantFrom(...Object.keys(contractSchema.shape), '__proto__', 'constructor', 'toString'), fc.jsonValue(), { maxKeys: 6 })
  .map((fields): unknown => ({ ...least, ...fields }));

test('no JSON value makes the parser throw, and every refusal has its path, value and what is allowed', () => {
  const check = (json: unknown): void => {
    const parsed = parseContract(json);
    if (parsed.ok) {
      assert.ok(typeof parsed.contract.port === 'number' && parsed.contract.start_command !== '');
      assert.ok(parsed.notes.every((note) => note.endsWith('.') || note.endsWith('?')));
      return;
    }
    assert.ok(parsed.problems.length > 0);
    for (const problem of parsed.problems) {
      assert.notEqual(problem.path, '');
      assert.notEqual(problem.value, '');
      assert.notEqual(problem.allowed, '');
      assert.ok(problem.value.length <= 80, problem.value);
      assert.match(formatProblem(problem), /[.?]$/);
    }
  };
  fc.assert(fc.property(fc.oneof(fc.jsonValue(), almostContract), check), { numRuns: 2_000 });
});

test('what was parsed parses to the same again', () => {
  fc.assert(
    fc.property(almostContract, (json) => {
      const parsed = parseContract(json);
      if (!parsed.ok) return;
      // As JSON holds it, which writes -0 as 0.
      const written: unknown = JSON.parse(JSON.stringify(parsed.contract));
      const again = parseContract(written);
      assert.ok(again.ok);
      assert.deepEqual(again.contract, written);
    }),
    { numRuns: 1_000 },
  );
});

test('nesting that would exhaust the stack is refused', () => {
  let deep: unknown = 1;
  for (let level = 0; level < 100_000; level++) deep = [deep];
  const parsed = parseContract({ ...least, limits: { deep } });
  assert.ok(!parsed.ok);
  assert.equal(parsed.problems[0]?.path, 'contract');
  const text = parseJsonText('['.repeat(100_000));
  assert.deepEqual(text, { ok: false, sentence: 'line 1, column 65: nested more than 64 levels deep.' });
});

test('the text parser accepts exactly what JSON.parse accepts', () => {
  const mutated = fc
    .tuple(
      fc.jsonValue({ maxDepth: 4 }),
      fc.nat(),
      fc.constantFrom('', ',', '}', '"', "'", '{', ' ', '//', '0', '\\', '\n', 'e', '-', '.', '\u0001'),
    )
    .map(([value, place, inserted]) => {
      const json = JSON.stringify(value, null, place % 3);
      const at = place % (json.length + 1);
      return json.slice(0, at) + inserted + json.slice(at);
    });
  fc.assert(
    fc.property(mutated, (text) => {
      const ours = parseJsonText(text);
      let theirs: { json: unknown } | undefined;
      try {
        theirs = { json: JSON.parse(text) };
      } catch (error) {
        assert.ok(error instanceof SyntaxError);
      }
      assert.equal(ours.ok, theirs !== undefined, text);
      if (ours.ok) assert.deepEqual(ours.json, theirs?.json);
      else assert.match(ours.sentence, /^line \d+, column \d+: .+\.$/s);
    }),
    { numRuns: 3_000 },
  );
});
