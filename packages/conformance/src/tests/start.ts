import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { exchange } from '../harness/http.ts';
import { canListen, freePort } from '../harness/ports.ts';
import { until } from '../harness/wait.ts';
import type { World } from '../harness/world.ts';
import type { ConformanceTest } from '../test.ts';

const REFUSAL_DEADLINE_MS = 6_000;
const SERVED_WITHIN_MS = 5_000;

export const startTests: ConformanceTest[] = [
  {
    name: 'a new orchestrator is ready, empty, and answers 503 for the app',
    covers: ['STATUS-1', 'DOWN-1'],
    async run({ world, must }) {
      await world.start();
      await must('STATUS-1', async () => {
        const { live_slot, live_commit, previous_slot, previous_commit, last_deploy_time, healthy } = await world.status();
        assert.deepEqual(
          { live_slot, live_commit, previous_slot, previous_commit, last_deploy_time, healthy },
          { live_slot: '', live_commit: '', previous_slot: '', previous_commit: '', last_deploy_time: '', healthy: false },
        );
      });
      await must('DOWN-1', async () => {
        const answer = await exchange({ port: world.port });
        assert.equal(answer.status, 503);
        assert.match(String(answer.headers['retry-after']), /^\d+$/, 'Retry-After');
      });
    },
  },
  {
    name: 'GET / answers 200 only when recovery is done',
    covers: ['START-1', 'RECOVER-6'],
    async run({ world, must }) {
      await world.start();
      const { commit } = await world.release({ version: 'v1', boot_ms: 800 });
      await world.stop();
      await world.start();
      const atOnce = await exchange({ port: world.port });
      const later = await until('the release that was live is served again', SERVED_WITHIN_MS, () => world.whoami()).catch(
        (error: Error) => error,
      );
      await must('START-1', () => {
        if (!(later instanceof Error)) assert.equal(atOnce.status, 200, 'GET / answered 200 before the app was served again');
      });
      await must('RECOVER-6', async () => {
        if (later instanceof Error) throw later;
        assert.equal(later.version, 'v1');
        assert.equal((await world.status()).live_commit, commit);
      });
    },
  },
  {
    name: 'a second orchestrator on the same data directory is refused',
    covers: ['START-2'],
    async run({ world, must }) {
      await world.start();
      await must('START-2', async () => {
        const apiPort = await freePort();
        await assertRefusal(world, '', { apiPort });
        assert.ok(await canListen(apiPort), 'the refused orchestrator listens');
      });
      await must('START-2', async () => {
        assert.equal((await world.api('GET', '/')).status, 200, 'the first orchestrator is disturbed');
      });
    },
  },
  {
    name: 'an invalid contract is refused with a message',
    covers: ['START-3'],
    async run({ world, must }) {
      const valid = world.contract;
      const { start_command: _, ...incomplete } = valid;
      const cases: { contract: string; names: string }[] = [
        { contract: '{ "start_command": ', names: '' },
        { contract: JSON.stringify(incomplete), names: 'start_command' },
        { contract: JSON.stringify({ ...valid, port: 'eighty' }), names: 'port' },
        { contract: JSON.stringify({ ...valid, health_timeout_ms: -5 }), names: 'health_timeout_ms' },
      ];
      await must('START-3', async () => {
        for (const { contract, names } of cases) {
          await writeFile(world.contractFile, contract);
          await assertRefusal(world, names);
        }
        await rm(world.contractFile);
        await assertRefusal(world, 'contract');
      });
    },
  },
  {
    name: 'a port of the contract that is taken is refused with a message',
    covers: ['START-4'],
    async run({ world, must }) {
      const other = createServer();
      const { promise: listening, resolve } = Promise.withResolvers<void>();
      other.listen(world.port, resolve);
      await listening;
      try {
        await writeFile(world.contractFile, JSON.stringify(world.contract));
        await must('START-4', () => assertRefusal(world, String(world.port)));
      } finally {
        other.close();
      }
    },
  },
];

/** Launches an orchestrator that must end by itself, not with 0, saying why. */
async function assertRefusal(world: World, names: string, options: { apiPort?: number } = {}): Promise<void> {
  const launched = world.launch(options);
  let ended: number | string | null | undefined;
  void launched.exited.then(({ code, signal }) => {
    ended = signal ?? code;
  });
  try {
    await until(
      `the orchestrator refuses to start${names && ` because of ${names}`} and ends`,
      REFUSAL_DEADLINE_MS,
      () => ended !== undefined,
    );
  } finally {
    await launched.kill();
  }
  assert.equal(typeof ended, 'number', `ended by ${ended}`);
  assert.notEqual(ended, 0, 'exit code of a refusal');
  const message = launched.output();
  assert.ok(message.trim().length > 0, 'a refusal says why');
  assert.ok(message.includes(names), `the message names "${names}": ${message.slice(0, 300)}`);
}
