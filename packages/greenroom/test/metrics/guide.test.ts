import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { METRICS } from '../../src/orchestrator/api/metric-definitions.ts';
import { LOG_FIELDS } from './log-line.ts';

const guide = readFileSync(new URL('../../../../docs/guides/observability.md', import.meta.url), 'utf8');

test('the guide names metrics that there are, and all of them', () => {
  const known: Record<string, { type: string; labels: readonly string[] }> = METRICS;
  const named = new Set(guide.match(/\b(?:greenroom|process)_[a-z_]+\b/g));
  for (const name of named) {
    const family = name.replace(/_(bucket|sum|count)$/, '');
    assert.ok(known[name] || known[family]?.type === 'histogram', `${name} is no metric`);
  }
  for (const name of Object.keys(known)) assert.ok(named.has(name), `${name} is not in the guide`);
  const selectors = [...guide.matchAll(/\b(greenroom_[a-z_]+?)(?:_bucket)?\{([^}]*)\}/g)];
  assert.ok(selectors.length > 0);
  for (const [, name = '', inside = ''] of selectors) {
    const labels = [...inside.matchAll(/([a-z_]+)\s*[!=]/g)].map((it) => it[1] ?? '');
    for (const label of labels) assert.ok(known[name]?.labels.includes(label), `${name} has no label ${label}`);
  }
});

test('the guide describes every field of the log, and no other', () => {
  const section = guide.slice(guide.indexOf('## Logs'));
  const described = [...section.slice(0, section.indexOf('\n## ')).matchAll(/^\| `([a-z_]+)` \|/gm)].map((it) => it[1]);
  assert.deepEqual(described, Object.keys(LOG_FIELDS));
});
