import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { attacksInTurn, attacksOfApp, EXHAUSTIONS, type Targets } from './attacks/table.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const page = readFileSync(join(ROOT, 'docs/security.md'), 'utf8');
const one = (text: string): string => text.replaceAll(/\s+/g, ' ');

test('every test that the threat model names is there, with the name that it says', () => {
  const named = [...one(page).matchAll(/`([a-z0-9-]+(?:\/[a-z0-9-]+)+(?:\.test)?\.ts)`(?: "([^"]+)")?/g)];
  assert.ok(named.length > 60, `only ${named.length}`);
  for (const [, file = '', title] of named) {
    const path = join(ROOT, 'packages/greenroom/test', file);
    assert.ok(existsSync(path), `${file} does not exist`);
    if (title !== undefined) assert.ok(readFileSync(path, 'utf8').includes(title), `${file} has no test "${title}"`);
  }
});

test('the threat model names attempts that are made', () => {
  const victim = { pid: 0, started: 0 };
  const somewhere: Targets = {
    layout: layoutOf('/data'),
    contract: '/contract',
    slots: { live: '/data/deploy-a', other: '/data/deploy-b' },
    victims: { app: victim, orchestrator: victim, proxy: victim },
    internal: { port: 0 },
    apiPort: 0,
    neighbour: layoutOf('/neighbour'),
    privilegedProgram: '/id',
    witness: '/witness',
  };
  const made = new Set([...attacksInTurn(somewhere), ...attacksOfApp(somewhere), ...EXHAUSTIONS].map(({ name }) => name));
  const rows = page.split('\n').filter((line) => /^\| .*"[^"]+" \|$/.test(line));
  assert.ok(rows.length >= 10, `only ${rows.length}`);
  for (const row of rows) for (const [, name = ''] of row.matchAll(/"([^"]+)"/g)) assert.ok(made.has(name), `nobody tries: ${name}`);
});

test('its links lead somewhere', () => {
  for (const [, link = ''] of page.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) assert.ok(existsSync(join(ROOT, 'docs', link)), link);
});
