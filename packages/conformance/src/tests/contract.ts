import assert from 'node:assert/strict';
import { PRIVATE_VARIABLES, SECRET } from '../harness/world.ts';
import type { ConformanceTest } from '../test.ts';

export const contractTests: ConformanceTest[] = [
  {
    name: 'the three required fields are enough',
    covers: ['CONTRACT-1'],
    contract: { internal_port: undefined, health_timeout_ms: undefined, drain_timeout_ms: undefined },
    async run({ world, must }) {
      await must('CONTRACT-1', async () => {
        await world.start();
        await world.release({ version: 'v1' });
        assert.equal((await world.whoami()).version, 'v1');
      });
    },
  },
  {
    name: 'unknown fields are ignored',
    covers: ['CONTRACT-2'],
    contract: { x_unknown_field: { nested: true }, another_unknown: 7 },
    async run({ world, must }) {
      await must('CONTRACT-2', async () => {
        await world.start();
        await world.release({ version: 'v1' });
      });
    },
  },
  {
    name: "the app's environment",
    covers: ['CONTRACT-3', 'CONTRACT-4', 'CONTRACT-5'],
    contract: { secrets_inject: [SECRET.name] },
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1' });
      const env = world.events().find(({ event }) => event === 'start')?.env ?? {};
      await must('CONTRACT-3', () => {
        const leaked = Object.keys(PRIVATE_VARIABLES).filter((name) => name in env);
        assert.deepEqual(leaked, [], "variables of the orchestrator's environment in the app's");
      });
      await must('CONTRACT-4', () => {
        assert.equal(env[SECRET.name], SECRET.value, 'secret named in secrets_inject');
      });
      await must('CONTRACT-5', () => {
        assert.ok(env['PATH'], 'PATH');
        assert.match(env['PORT'] ?? '', /^\d+$/, 'PORT');
        assert.match(env['INTERNAL_PORT'] ?? '', /^\d+$/, 'INTERNAL_PORT');
      });
    },
  },
  {
    name: "a contract in the commit changes nothing of the operator's",
    covers: ['CONTRACT-6'],
    async run({ world, must }) {
      await world.start();
      await must('CONTRACT-6', async () => {
        const forged = { ...world.contract, start_command: 'node other.cjs', health_endpoint: '/nowhere' };
        await world.release({ version: 'v1' }, { 'app.contract.json': JSON.stringify(forged), 'other.cjs': 'process.exit(1);\n' });
        await world.release({ version: 'v2' });
        assert.equal((await world.whoami()).version, 'v2');
      });
    },
  },
];
