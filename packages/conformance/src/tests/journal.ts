import assert from 'node:assert/strict';
import type { AttemptView } from '@greenroom/sdk/wire';
import { jsonOf } from '../harness/http.ts';
import type { World } from '../harness/world.ts';
import type { ConformanceTest } from '../test.ts';

export const journalTests: ConformanceTest[] = [
  {
    name: 'every attempt is in the journal, for good',
    covers: ['JOURNAL-1', 'JOURNAL-2', 'JOURNAL-3', 'JOURNAL-4'],
    async run({ world, must }) {
      await world.start();
      const first = await world.release({ version: 'v1' });
      const bad = await world.repository.commit({ version: 'bad', exits: true });
      const refused = jsonOf(await world.api('POST', '/deploy', { commit: bad, reason: 'to see it refused', trigger: 'agent' }));
      const second = await world.release({ version: 'v2' });
      const rollback = jsonOf(await world.api('POST', '/rollback'));
      const expected = [rollback['id'], second.answer['id'], refused['id'], first.answer['id']].map(String);
      await must('JOURNAL-1', async () => {
        assert.deepEqual(await ids(world), expected, 'ids of GET /deploys, newest first');
      });
      await must('JOURNAL-2', async () => {
        const { kind, promoted, status, commit, trigger, reason, code } = await attempt(world, String(refused['id']));
        assert.deepEqual(
          { kind, promoted, status, commit, trigger, reason, code },
          {
            kind: 'deploy',
            promoted: false,
            status: 'failed',
            commit: bad,
            trigger: 'agent',
            reason: 'to see it refused',
            code: 'boot_exited',
          },
        );
        const done = await attempt(world, String(rollback['id']));
        assert.deepEqual([done.kind, done.promoted, done.commit], ['rollback', true, first.commit]);
      });
      await must('JOURNAL-3', async () => {
        const { steps } = await attempt(world, String(refused['id']));
        assert.ok(
          steps.some(({ step, status }) => step === 'resolve' && status === 'succeeded'),
          'step "resolve" succeeded',
        );
        assert.ok(
          steps.some(({ status, started_at, duration_ms }) => status === 'failed' && Date.parse(started_at) > 0 && duration_ms >= 0),
          'a failed step with its time',
        );
        assert.equal((await world.api('GET', '/deploys/no-such-attempt')).status, 404);
      });
      await world.crash();
      await world.start();
      await must('JOURNAL-4', async () => {
        const after = await ids(world);
        const lost = expected.filter((id) => !after.includes(id));
        assert.deepEqual(lost, [], 'attempts that are gone after a kill and a restart');
      });
    },
  },
];

/** The answer is an array, or an object with the array as `deploys`. */
async function ids(world: World): Promise<string[]> {
  const body = jsonOf(await world.api('GET', '/deploys'));
  const list = Array.isArray(body) ? body : body['deploys'];
  assert.ok(Array.isArray(list), 'GET /deploys answers no list');
  return (list as AttemptView[]).map(({ id }) => id);
}

async function attempt(world: World, id: string): Promise<AttemptView> {
  const answer = await world.api('GET', `/deploys/${id}`);
  assert.equal(answer.status, 200, `GET /deploys/${id} answered ${answer.status}`);
  return jsonOf(answer) as unknown as AttemptView;
}
