import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Answer, jsonOf } from '../harness/http.ts';
import { isLoopback, listeningAddresses } from '../harness/processes.ts';
import type { ConformanceTest } from '../test.ts';
import { assertRefused } from './answers.ts';

const OVERSIZED_BYTES = 8 * 1024 * 1024;

export const apiTests: ConformanceTest[] = [
  {
    name: 'the API is for this machine only',
    covers: ['API-1', 'API-2', 'API-3'],
    async run({ world, must }) {
      await world.start();
      const commit = await world.repository.commit({ version: 'v1' });
      await must('API-1', () => {
        const addresses = listeningAddresses(world.apiPort);
        assert.ok(addresses.length > 0, 'nothing listens on the API port');
        assert.ok(addresses.every(isLoopback), `the API listens on ${addresses.join(', ')}`);
      });
      const forbidden = async (headers: Record<string, string>): Promise<void> => {
        const read = await world.api('GET', '/status', undefined, { headers });
        assert.ok(read.status >= 400 && read.status < 500, `GET /status with ${JSON.stringify(headers)} answered ${read.status}`);
        const write = await world.api('POST', '/deploy', { commit }, { headers });
        assert.ok(write.status >= 400 && write.status < 500, `POST /deploy with ${JSON.stringify(headers)} answered ${write.status}`);
        assert.equal((await world.status()).live_commit, '', 'the refused deploy went live');
      };
      await must('API-2', () => forbidden({ host: `attacker.example:${world.apiPort}` }));
      await must('API-3', () => forbidden({ origin: 'https://attacker.example' }));
    },
  },
  {
    name: 'a name that looks like an option or an expression is refused',
    covers: ['API-4'],
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1' });
      const { commit } = await world.release({ version: 'v2' });
      const canary = join(world.directory, 'canary');
      const names = [
        `--upload-pack=touch ${canary}`,
        '-x',
        `--output=${canary}`,
        'HEAD@{0}',
        'HEAD~1',
        'main..main',
        'main^',
        '',
        'main:server.cjs',
      ];
      for (const name of names) {
        await must('API-4', async () => {
          assertRefused(await world.api('POST', '/deploy', { branch: name }));
          assertRefused(await world.api('POST', '/deploy', { commit: name }));
          assert.ok(!existsSync(canary), `"${name}" was taken as an option`);
          assert.equal((await world.status()).live_commit, commit);
        });
      }
    },
  },
  {
    name: 'requests that cannot be understood',
    covers: ['API-5', 'API-6', 'API-7', 'API-8'],
    async run({ world, must }) {
      await world.start();
      const commit = await world.repository.commit({ version: 'v1' });
      const answers: Answer[] = [];
      for (const body of ['{"commit":', '[]', '{}', { commit: 7 }, { commit, branch: 'main' }]) {
        const answer = await world.api('POST', '/deploy', body);
        answers.push(answer);
        await must('API-5', () => assert.equal(answer.status, 400, `${JSON.stringify(body)} answered ${answer.status}`));
      }
      const nowhere = await world.api('GET', '/no-such-route');
      answers.push(nowhere);
      await must('API-6', () => assert.equal(nowhere.status, 404));
      await must('API-8', () => {
        for (const answer of answers.filter(({ status }) => status >= 400)) {
          const { code, error } = jsonOf(answer);
          assert.match(String(code), /^[a-z_]+$/, `"code" in ${answer.body.slice(0, 200)}`);
          assert.ok(typeof error === 'string' && error.length > 0, `"error" in ${answer.body.slice(0, 200)}`);
        }
      });
      await must('API-7', async () => {
        const large = await world.repository.commit({ version: 'v2' });
        const body = JSON.stringify({ commit: large, reason: 'x'.repeat(OVERSIZED_BYTES) });
        const outcome = await world.api('POST', '/deploy', body).catch((error: Error) => error);
        if (!(outcome instanceof Error)) assert.equal(outcome.status, 413, 'status for a body of 8 MiB');
        const status = await world.status();
        assert.notEqual(status.live_commit, large, 'a deploy with a body of 8 MiB went live');
      });
    },
  },
];
