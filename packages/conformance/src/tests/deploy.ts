import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { jsonOf } from '../harness/http.ts';
import { lossOf, startLoad } from '../harness/load.ts';
import { alive } from '../harness/processes.ts';
import { until } from '../harness/wait.ts';
import { DRAIN_TIMEOUT_MS, SLACK_MS } from '../harness/world.ts';
import type { ConformanceTest } from '../test.ts';
import { assertRefused, assertUntouched, liveNow } from './answers.ts';

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const RETIRED_WITHIN_MS = DRAIN_TIMEOUT_MS + SLACK_MS;

export const deployTests: ConformanceTest[] = [
  {
    name: 'answers, slots and status of deploys by commit and by branch',
    covers: ['DEPLOY-1', 'DEPLOY-2', 'DEPLOY-3', 'DEPLOY-4', 'DEPLOY-5', 'STATUS-2', 'STATUS-3'],
    async run({ world, must }) {
      await world.start();
      const first = await world.release({ version: 'v1', sigterm: 'exit' }, { 'only-in-v1.txt': 'v1' });
      await must('DEPLOY-1', () => {
        const { success, commit, previous_commit, slot } = first.answer;
        assert.deepEqual({ success, commit, previous_commit }, { success: true, commit: first.commit, previous_commit: '' });
        assert.match(String(slot), /^[ab]$/);
      });
      const second = await world.release({ version: 'v2', sigterm: 'exit' }, { 'only-in-v1.txt': null });
      await must('DEPLOY-1', () => assert.equal(second.answer['previous_commit'], first.commit, 'previous_commit'));
      await must('DEPLOY-2', () => assert.notEqual(second.answer['slot'], first.answer['slot'], 'slot of the second deploy'));
      await must('STATUS-2', async () => {
        const { live_slot, live_commit, previous_slot, previous_commit, healthy } = await world.status();
        assert.deepEqual(
          { live_slot, live_commit, previous_slot, previous_commit, healthy },
          {
            live_slot: second.answer['slot'],
            live_commit: second.commit,
            previous_slot: first.answer['slot'],
            previous_commit: first.commit,
            healthy: true,
          },
        );
      });
      await must('STATUS-3', async () => {
        const { last_deploy_time } = await world.status();
        assert.match(last_deploy_time, RFC_3339, 'last_deploy_time');
        const age = Date.now() - Date.parse(last_deploy_time);
        assert.ok(age > -1_000 && age < 60_000, `last_deploy_time lies ${age} ms back`);
      });
      const tip = await world.repository.commit({ version: 'v3', sigterm: 'exit' }, { branch: 'feature' });
      await must('DEPLOY-3', async () => {
        const answer = await world.api('POST', '/deploy', { branch: 'feature' });
        assert.equal(answer.status, 200, answer.body.slice(0, 300));
        assert.equal(jsonOf(answer)['commit'], tip, 'commit of the branch');
        assert.equal((await world.whoami()).version, 'v3');
      });
      await must('DEPLOY-4', () => {
        const cwds = world.events().flatMap(({ event, cwd }) => (event === 'start' && cwd ? [cwd] : []));
        assert.equal(cwds.length, 3, `three instances started, in ${cwds.join(', ')}`);
        assert.notEqual(cwds[0], cwds[1], 'the candidate runs in the directory of the live instance');
        assert.ok(existsSync(join(cwds[2] ?? '', 'behaviour.json')), 'behaviour.json of the commit');
        assert.ok(!existsSync(join(cwds[2] ?? '', 'only-in-v1.txt')), 'a file of an older commit is still in the slot');
      });
      const short = await world.repository.commit({ version: 'v4' });
      await must('DEPLOY-5', async () => {
        const answer = await world.deploy(short.slice(0, 10));
        assert.equal(answer.status, 200, answer.body.slice(0, 300));
        assert.equal(jsonOf(answer)['commit'], short, 'full id of the abbreviated commit');
      });
    },
  },
  {
    name: 'an unknown commit or branch is refused',
    covers: ['DEPLOY-6', 'DEPLOY-7'],
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1' });
      const before = await liveNow(world);
      for (const body of [{ commit: 'f'.repeat(40) }, { branch: 'no-such-branch' }]) {
        const answer = await world.api('POST', '/deploy', body);
        await must('DEPLOY-6', async () => {
          assertRefused(answer, 'commit_not_found');
          await assertUntouched(world, before);
        });
        await must('DEPLOY-7', () => {
          const { step, code, error } = jsonOf(answer);
          assert.equal(step, 'resolve', '"step" of the refusal');
          assert.match(String(code), /^[a-z_]+$/, '"code" of the refusal');
          assert.ok(typeof error === 'string' && error.length > 0, '"error" of the refusal');
        });
      }
    },
  },
  {
    name: 'an unhealthy candidate never goes live and leaves nothing behind',
    covers: ['DEPLOY-8', 'DEPLOY-9'],
    contract: { health_timeout_ms: 1_200 },
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1' });
      const before = await liveNow(world);
      const commit = await world.repository.commit({ version: 'bad', unhealthy: true, children: true });
      const load = startLoad(world.port);
      const answer = await world.deploy(commit).finally(() => load.stop());
      const report = await load.stop();
      await must('DEPLOY-8', async () => {
        assertRefused(answer, 'health_timeout');
        assert.deepEqual(report.versions, ['v1'], 'versions that visitors saw');
        assert.equal(lossOf(report), '');
        await assertUntouched(world, before);
      });
      await must('DEPLOY-9', async () => {
        const own = world.events().filter(({ version }) => version === 'bad');
        const pids = [...new Set(own.flatMap(({ pid, child }) => (child ? [pid, child] : [pid])))];
        assert.ok(pids.length >= 3, 'the candidate and its children ran');
        await until('candidate and children are gone', RETIRED_WITHIN_MS, () => !pids.some(alive));
      });
    },
  },
  {
    name: 'a candidate that exits fails the deploy at once',
    covers: ['DEPLOY-10'],
    contract: { health_timeout_ms: 20_000 },
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1' });
      const before = await liveNow(world);
      const commit = await world.repository.commit({ version: 'exits', exits: true });
      await must('DEPLOY-10', async () => {
        const begun = Date.now();
        const answer = await world.api('POST', '/deploy', { commit }, { timeoutMs: 6_000 });
        assertRefused(answer, 'boot_exited');
        assert.ok(Date.now() - begun < 5_000, `answered after ${Date.now() - begun} ms`);
        await assertUntouched(world, before);
      });
    },
  },
  {
    name: 'the deep check decides',
    covers: ['DEPLOY-11', 'DEPLOY-12'],
    contract: { health_test_payload: { method: 'POST', path: '/deep' }, health_timeout_ms: 1_500 },
    async run({ world, must }) {
      await world.start();
      const good = await world.repository.commit({ version: 'v1' });
      const first = await world.deploy(good);
      await must('DEPLOY-12', () => {
        const methods = new Set(world.events().flatMap(({ event, method }) => (event === 'deep' ? [method] : [])));
        assert.deepEqual([...methods], ['POST'], 'methods of the deep check');
        assert.equal(first.status, 200, first.body.slice(0, 300));
      });
      const before = await world.status();
      const bad = await world.repository.commit({ version: 'shallow', deep_status: 500 });
      await must('DEPLOY-11', async () => {
        assertRefused(await world.deploy(bad), 'deep_check_failed');
        assert.equal((await world.status()).live_commit, before.live_commit, 'live_commit');
      });
    },
  },
  {
    name: 'two deploys at once never interleave',
    covers: ['DEPLOY-13'],
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v1' });
      const commits = [
        await world.repository.commit({ version: 'v2', boot_ms: 800 }),
        await world.repository.commit({ version: 'v3', boot_ms: 800 }),
      ];
      const answers = await Promise.all(commits.map((commit) => world.deploy(commit)));
      await must('DEPLOY-13', async () => {
        for (const answer of answers.filter(({ status }) => status !== 200)) {
          assertRefused(answer);
          assert.ok(answer.status < 500, `a deploy that has to wait is no internal error: ${answer.body.slice(0, 300)}`);
        }
        assert.ok(
          answers.some(({ status }) => status === 200),
          'one of two deploys at once succeeds',
        );
        const booted = world.events().filter(({ event, version }) => event === 'start' && version !== 'v1');
        const succeededVersions = ['v2', 'v3'].filter((_, index) => answers[index]?.status === 200);
        const versions = booted.map(({ version }) => version);
        assert.deepEqual(
          [...new Set(versions)].filter((version) => succeededVersions.includes(version)).sort(),
          succeededVersions,
          'versions that ran',
        );
        const spans = booted.map(({ pid, time }) => {
          const listening = world.events().find((event) => event.event === 'listening' && event.pid === pid);
          return { begin: time, end: listening?.time ?? time };
        });
        for (const [index, span] of spans.entries()) {
          const earlier = spans.slice(0, index);
          assert.ok(
            earlier.every(({ end }) => end <= span.begin),
            'two candidates booted at the same time',
          );
        }
        const live = await liveNow(world);
        const succeeded = commits.filter((_, index) => answers[index]?.status === 200);
        assert.ok(succeeded.includes(live.commit), 'live_commit is one of the deploys that succeeded');
        assert.equal(live.version, live.commit === commits[0] ? 'v2' : 'v3', 'status and served version agree');
        await until('one instance runs', RETIRED_WITHIN_MS, () => world.instances().length === 1);
      });
    },
  },
  {
    name: 'no request fails across swaps',
    covers: ['DEPLOY-14'],
    async run({ world, must }) {
      await world.start();
      await world.release({ version: 'v0' });
      const load = startLoad(world.port);
      try {
        for (const version of ['v1', 'v2', 'v3', 'v4', 'v5', 'v6']) await world.release({ version });
      } finally {
        await load.stop();
      }
      const report = await load.stop();
      await must('DEPLOY-14', () => {
        assert.equal(lossOf(report), '');
        assert.equal(report.versions.at(-1), 'v6', `versions seen: ${report.versions.join(', ')}`);
      });
    },
  },
];
