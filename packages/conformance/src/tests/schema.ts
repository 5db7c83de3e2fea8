import assert from 'node:assert/strict';
import { jsonOf } from '../harness/http.ts';
import type { Behaviour } from '../harness/repository.ts';
import type { ConformanceTest } from '../test.ts';
import { assertRefused, assertUntouched, liveNow } from './answers.ts';

const contract = { schema_status_endpoint: '/schema/status' };

/** With the database at 31. */
const FORBIDDEN: Record<string, { min: number; max: number; compatible?: boolean }> = {
  'needs a newer schema': { min: 32, max: 47 },
  'says no although the numbers say yes': { min: 28, max: 47, compatible: false },
  'says yes although the schema has moved past it': { min: 28, max: 30, compatible: true },
};
const complete = { current_schema_version: 31, code_min_schema_version: 31, code_max_schema_version: 31, pending_migrations: 0 };
const UNRELIABLE: Record<string, Behaviour['schema']> = {
  'has no such endpoint': undefined,
  'lacks a field': JSON.stringify(complete),
  'has a range the wrong way round': { min: 32, max: 30, compatible: true },
};

export const schemaTests: ConformanceTest[] = [
  {
    name: 'code that works with the schema goes live',
    covers: ['SCHEMA-1'],
    contract,
    async run({ world, must }) {
      await world.migrateTo(31);
      await world.start();
      await must('SCHEMA-1', async () => {
        const { commit } = await world.release({ version: 'v1', schema: { min: 31, max: 32 } });
        assert.equal((await world.status()).live_commit, commit);
      });
    },
  },
  staysOut('code that does not work with the schema stays out', 'SCHEMA-2', FORBIDDEN, (error, schema, version) => {
    for (const named of [31, schema.min, schema.max]) assert.match(error, new RegExp(`\\b${named}\\b`), version);
  }),
  staysOut('code that does not tell whether it works with the schema stays out', 'SCHEMA-3', UNRELIABLE),
  {
    name: 'a rollback across a migration is refused, and allowed again when the schema is back',
    covers: ['SCHEMA-4'],
    contract,
    async run({ world, must }) {
      await world.migrateTo(31);
      await world.start();
      const first = await world.release({ version: 'v1', schema: { min: 30, max: 31 } });
      await world.release({ version: 'v2', schema: { min: 31, max: 32 } });
      await world.migrateTo(32);
      const before = await liveNow(world);
      await must('SCHEMA-4', async () => {
        assertRefused(await world.api('POST', '/rollback'), 'schema_incompatible');
        await assertUntouched(world, before);
      });
      await world.migrateTo(31);
      await must('SCHEMA-4', async () => {
        const answer = await world.api('POST', '/rollback');
        assert.equal(answer.status, 200, answer.body.slice(0, 300));
        assert.equal((await world.status()).live_commit, first.commit);
      });
    },
  },
];

function staysOut<Schema extends Behaviour['schema']>(
  name: string,
  requirement: string,
  cases: Record<string, Schema>,
  judge: (error: string, schema: Schema, version: string) => void = () => undefined,
): ConformanceTest {
  return {
    name,
    covers: [requirement],
    contract,
    async run({ world, must }) {
      await world.migrateTo(31);
      await world.start();
      await world.release({ version: 'v1', schema: { min: 31, max: 32 } });
      const before = await liveNow(world);
      for (const [version, schema] of Object.entries(cases)) {
        const answer = await world.deploy(await world.repository.commit({ version, ...(schema && { schema }) }));
        await must(requirement, async () => {
          assertRefused(answer, 'schema_incompatible');
          judge(String(jsonOf(answer)['error']), schema, version);
          await assertUntouched(world, before);
        });
      }
    },
  };
}
