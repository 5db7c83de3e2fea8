import assert from 'node:assert/strict';
import { type Answer, jsonOf } from '../harness/http.ts';
import type { World } from '../harness/world.ts';

/** An answer outside 2xx whose body says `success: false` and why. */
export function assertRefused(answer: Answer, code?: string): void {
  assert.ok(answer.status >= 400, `expected a refusal, got ${answer.status}: ${answer.body.slice(0, 300)}`);
  const body = jsonOf(answer);
  assert.equal(body['success'], false, `"success" of a refusal: ${answer.body.slice(0, 300)}`);
  if (code) assert.equal(body['code'], code, `"code" of ${answer.body.slice(0, 300)}`);
}

export interface Live {
  commit: string;
  version: string;
  pid: number;
}

/** What is live now, by `/status` and by asking the app. */
export async function liveNow(world: World): Promise<Live> {
  const [status, who] = [await world.status(), await world.whoami()];
  return { commit: status.live_commit, version: who.version, pid: who.pid };
}

export async function assertUntouched(world: World, before: Live): Promise<void> {
  assert.deepEqual(await liveNow(world), before, 'the live release was touched');
}
