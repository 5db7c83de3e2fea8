import assert from 'node:assert/strict';
import { type Rig, visitAllTheTime } from './rig.ts';

/**
 * How each story behind a proxy of the operator's begins: a first release, then, while visitors come, a second one, the way back to the first, and the orchestrator's
 * death. Answers the first commit, which is live, and the visits, which go on.
 */
export async function deployReturnAndDie(rig: Rig): Promise<{ one: string; visits: ReturnType<typeof visitAllTheTime> }> {
  assert.equal((await rig.visit()).status, 503);
  const one = rig.commit({ name: 'one' });
  await rig.live(one);
  assert.equal((await rig.visit()).body, 'one\n');
  const visits = visitAllTheTime(rig);
  await rig.live(rig.commit({ name: 'two' }));
  assert.equal((await rig.visit()).body, 'two\n');
  assert.ok((await rig.client.rollback({})).success);
  assert.equal((await rig.visit()).body, 'one\n');
  await rig.end('SIGKILL');
  assert.equal((await rig.visit()).body, 'one\n');
  return { one, visits };
}
