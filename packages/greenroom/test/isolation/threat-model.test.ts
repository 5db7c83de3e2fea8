import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

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

test('its links lead somewhere', () => {
  for (const [, link = ''] of page.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) assert.ok(existsSync(join(ROOT, 'docs', link)), link);
});
