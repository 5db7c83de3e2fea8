import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { contractSchema, DEFAULT_SETUP_INPUTS } from '../../src/orchestrator/core/contract.ts';
import { contractJsonSchema } from '../../src/orchestrator/core/contract-schema.ts';

const root = join(import.meta.dirname, '..', '..', '..', '..');
const guide = readFileSync(join(root, 'docs', 'guides', 'contract.md'), 'utf8');

test('the generated files are fresh', () => {
  const run = spawnSync(process.execPath, [join(root, 'scripts', 'generate.ts'), '--check'], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stdout + run.stderr);
});

test('every field of the JSON Schema has a description, and unknown fields are allowed', () => {
  const visit = (schema: object, path: string): void => {
    assert.ok(!('additionalProperties' in schema) || schema.additionalProperties !== false, path);
    const properties: object = 'properties' in schema && typeof schema.properties === 'object' ? (schema.properties ?? {}) : {};
    for (const [name, field] of Object.entries(properties)) {
      assert.equal(typeof field.description, 'string', `${path}.${name}`);
      visit(field, `${path}.${name}`);
    }
  };
  const schema = contractJsonSchema();
  visit(schema, 'contract');
  assert.deepEqual(schema['required'], ['start_command', 'port', 'health_endpoint']);
  assert.equal(schema['$schema'], 'https://json-schema.org/draft/2020-12/schema');
});

test('patterns of the JSON Schema are regular expressions of ECMAScript', () => {
  const patterns = JSON.stringify(contractJsonSchema(), (key, value: unknown) => {
    if (key === 'pattern') assert.doesNotThrow(() => new RegExp(String(value), 'u'));
    return value;
  });
  assert.match(patterns, /"pattern"/);
});

test('the guide names every field', () => {
  for (const field of Object.keys(contractSchema.shape)) assert.ok(guide.includes(`\n| \`${field}\` `), field);
  assert.deepEqual(
    DEFAULT_SETUP_INPUTS.filter((path) => !guide.includes(`\`${path}\``)),
    [],
  );
});
