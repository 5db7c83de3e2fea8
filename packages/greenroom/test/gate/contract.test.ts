import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseContract } from '../../src/orchestrator/core/contract-parse.ts';

const BASE = { start_command: 'node app.js', port: 3000, health_endpoint: '/health' };

function problems(fields: Record<string, unknown>): string {
  const parsed = parseContract({ ...BASE, ...fields });
  return parsed.ok ? '' : parsed.problems.map(({ path, allowed, hint }) => `${path}: ${allowed} ${hint ?? ''}`).join('\n');
}

test('patterns and allowances of the gate are refused with the place and what is allowed', () => {
  assert.equal(problems({}), '');
  assert.equal(problems({ secret_patterns: [{ name: 'acme-token', pattern: 'acme_[a-z0-9]{32}' }] }), '');
  assert.match(problems({ secret_patterns: [{ name: 'a b', pattern: 'x' }] }), /^secret_patterns\.0\.name: a name of letters/);
  assert.match(
    problems({ secret_patterns: [{ name: 'a', pattern: '(' }] }),
    /^secret_patterns\.0\.pattern: a regular expression .*Invalid regular/s,
  );
  assert.match(problems({ secret_patterns: [{ name: 'a', pattern: 'x*' }] }), /matches even an empty text/);
  assert.match(problems({ secret_patterns: [{ name: 'a' }] }), /^secret_patterns\.0\.pattern: /);

  assert.equal(problems({ secret_allow: [{ fingerprint: '0123456789abcdef', reason: 'made up' }] }), '');
  assert.equal(problems({ secret_allow: [{ path: 'test/fixtures/', reason: 'made up' }] }), '');
  for (const entry of [
    { path: 'a' },
    { path: 'a', reason: ' ' },
    { fingerprint: 'x', reason: 'y' },
    { path: '../a', reason: 'y' },
    { reason: 'y' },
  ]) {
    assert.match(problems({ secret_allow: [entry] }), /^secret_allow\.0/, JSON.stringify(entry));
  }
});
