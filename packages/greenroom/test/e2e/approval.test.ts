import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createClient, type GreenroomClient } from '@greenroom/sdk/client';
import type { ProxyStatus } from '@greenroom/sdk/proxy';
import type { ApprovalView, AttemptView } from '@greenroom/sdk/wire';
import { startLoad } from '../../../../bench/load/load.ts';
import { proxyDirectory } from '../../src/home.ts';
import { type Answer, ask } from './ask.ts';
import { instanceProcesses, openRig, type Rig, until } from './rig.ts';

interface ApprovalRig extends Rig {
  agent: GreenroomClient;
  operator: GreenroomClient;
  /** A deploy of the agent that has come to wait. */
  wait(name: string): Promise<AttemptView & { approval: ApprovalView }>;
  decided(id: string): Promise<AttemptView>;
  /** The app's first page for somebody who has opened the preview. */
  look(path: string): Promise<Answer>;
}

test('a deploy of the agent waits for a person', async (t) => {
  const rig = await openApproval(t);

  await t.test('its preview shows it while the old one serves; approved, it goes live, and no visitor is lost', async () => {
    const before = await rig.status();
    const load = startLoad({ url: `http://127.0.0.1:${rig.port}`, mix: { get: 2, 'get-new': 1, slow: 1 }, pause_ms: 10 });
    const waiting = await rig.wait('second');
    assert.deepEqual([waiting.status, waiting.promoted], ['running', false]);
    assert.match(waiting.approval.preview_path, /^\/\.greenroom\/preview\/[A-Za-z0-9_-]{22}$/);
    assert.equal(Date.parse(waiting.approval.until) - Date.parse(waiting.approval.since), 600_000);
    assert.equal((await rig.look(waiting.approval.preview_path)).body, 'second\n');
    assert.equal((await rig.visit()).body, 'first\n');
    const { output } = await rig.cli(['status']);
    assert.match(output, new RegExp(`approval +waits for approval until .*greenroom approve ${waiting.id}`));
    assert.ok(output.includes(`http://localhost:${rig.port}${waiting.approval.preview_path}`));

    const approved = await rig.cli(['approve', '--by', 'Ada']);
    assert.equal(approved.code, 0, approved.output);
    assert.match(approved.output, /✓ probe[\s\S]*✓ promote[\s\S]*✓ live/);
    assert.equal((await rig.visit()).body, 'second\n');
    const report = await load.stop();
    assert.ok(report.ok > 0);
    assert.deepEqual([report.failed, report.failures], [0, []]);
    const done = await rig.decided(waiting.id);
    assert.deepEqual([done.approval?.state, done.approval?.by, done.approval?.preview_path], ['approved', 'Ada', '']);
    assert.equal((await rig.status()).previous_commit, before.live_commit);
    assert.equal((await rig.look(waiting.approval.preview_path)).status, 410);
    assert.deepEqual(await rig.operator.approve({ id: waiting.id, by: 'Bob' }), { success: true, id: waiting.id, state: 'approved' });
    const late = await rig.operator.deny({ id: waiting.id, by: 'Bob' });
    assert.ok(!late.success && late.code === 'not_waiting' && /was approved by Ada/.test(late.error), JSON.stringify(late));
  });

  await t.test('denied, it ends with the reason, its viewers first, and the live one is untouched', async () => {
    const waiting = await rig.wait('third');
    const cookie = await cookieOf(rig, waiting.approval.preview_path);
    const slow = ask({ port: rig.port, path: '/slow', headers: { cookie } });
    await until(
      async () => (await inFlight(rig)) === 1,
      () => 'the slow request is not in flight',
    );
    assert.ok((await rig.operator.deny({ id: waiting.id, by: 'Ada', reason: 'too slow' })).success);
    const { body, headers } = await slow;
    assert.deepEqual([body, headers['x-commit']], ['slow\n', waiting.commit]);
    const done = await rig.decided(waiting.id);
    assert.deepEqual([done.status, done.step, done.code, done.approval?.state], ['failed', 'promote', 'not_approved', 'denied']);
    assert.match(done.error ?? '', /Ada did not approve it: too slow/);
    assert.equal((await rig.visit()).body, 'second\n');
    assert.equal((await ask({ port: rig.port, path: '/', headers: { cookie } })).body, 'second\n');
    await nothingLeft(rig);
    const none = await rig.cli(['approve']);
    assert.equal(none.code, 1);
    assert.match(none.output, /No deploy waits for approval/);
    const unknown = await rig.operator.approve({ id: 'nobody', by: 'Ada' });
    assert.ok(!unknown.success && unknown.code === 'not_waiting', JSON.stringify(unknown));
  });

  await t.test('a person who deploys does not wait behind it, nor does a rollback; a freeze of the agent ends it', async () => {
    const first = await rig.wait('fourth');
    const human = rig.commit({ name: 'human' });
    assert.ok((await rig.operator.deploy({ commit: human })).success);
    const gone = await rig.decided(first.id);
    assert.deepEqual([gone.code, gone.approval?.state], ['superseded', 'withdrawn']);
    assert.match(gone.error ?? '', /gave way to deploy .* by manual/);
    assert.equal((await rig.visit()).body, 'human\n');

    const second = await rig.wait('fifth');
    assert.ok((await rig.operator.rollback()).success);
    assert.equal((await rig.decided(second.id)).code, 'aborted');
    assert.equal((await rig.visit()).body, 'second\n');

    const third = await rig.wait('sixth');
    await rig.operator.freeze({ reason: 'a holiday' });
    assert.equal((await rig.decided(third.id)).code, 'frozen');
    await rig.operator.thaw();
    assert.equal((await rig.status()).consecutive_failures, 0);
  });

  await t.test('a candidate that ends while it waits has failed', async () => {
    const waiting = await rig.wait('seventh');
    const cookie = await cookieOf(rig, waiting.approval.preview_path);
    await ask({ port: rig.port, path: '/crash', headers: { cookie } }).catch(() => undefined);
    const done = await rig.decided(waiting.id);
    assert.deepEqual([done.code, done.approval?.state], ['boot_exited', 'withdrawn']);
    assert.match(done.error ?? '', /exited with code 7 while it waited for approval/);
    assert.equal((await rig.visit()).body, 'second\n');
  });

  await t.test('one that no longer answers is not promoted, whoever approves it', async () => {
    const waiting = await rig.wait('eighth');
    const cookie = await cookieOf(rig, waiting.approval.preview_path);
    await ask({ port: rig.port, path: '/sick', headers: { cookie } });
    assert.ok((await rig.operator.approve({ id: waiting.id, by: 'Ada' })).success);
    const done = await rig.decided(waiting.id);
    assert.deepEqual([done.step, done.code, done.approval?.state], ['probe', 'health_timeout', 'approved']);
    assert.equal((await rig.visit()).body, 'second\n');
  });

  await t.test('it outlives a kill of the orchestrator and of the proxy, and can still be looked at and approved', async () => {
    const waiting = await rig.wait('ninth');
    const { preview_path: path } = waiting.approval;
    const cookie = await cookieOf(rig, path);
    await rig.kill();
    assert.equal((await ask({ port: rig.port, path: '/', headers: { cookie } })).body, 'ninth\n');
    process.kill(await proxyPid(rig), 'SIGKILL');
    await rig.start();
    const after = (await rig.status()).attempt;
    assert.deepEqual([after?.id, after?.approval], [waiting.id, waiting.approval]);
    await until(
      async () => (await ask({ port: rig.port, path: '/', headers: { cookie } })).body === 'ninth\n',
      () => 'the preview is not there again',
    );
    assert.equal((await rig.visit()).body, 'second\n');
    assert.ok((await rig.operator.approve({ id: waiting.id, by: 'Ada' })).success);
    assert.equal((await rig.decided(waiting.id)).status, 'succeeded');
    assert.equal((await rig.visit()).body, 'ninth\n');
    await nothingLeft(rig);
  });

  await t.test('the secret of a preview is in no log and not in the journal', async () => {
    const waiting = await rig.wait('tenth');
    const token = waiting.approval.preview_path.split('/').at(-1) ?? '';
    assert.equal((await rig.look(waiting.approval.preview_path)).body, 'tenth\n');
    const denied = await rig.cli(['deny', waiting.id]);
    assert.equal(denied.code, 0, denied.output);
    assert.match(denied.output, /✓ Deploy .* does not go live/);
    assert.notEqual((await rig.decided(waiting.id)).approval?.by, '');
    for (const file of [
      join(rig.data, 'journal.jsonl'),
      join(rig.data, 'state.json'),
      rig.logFile,
      join(proxyDirectory(rig.home), 'proxy.log'),
    ])
      assert.equal(readFileSync(file, 'utf8').includes(token), false, file);
  });
});

test('nobody in time: it is given up; over TCP everybody waits; the chat path leads past the app', async (t) => {
  const rig = await openApproval(t, 1_000);
  const commit = rig.commit({ name: 'late' });
  const answers = [await rig.agent.deploy({ commit }), await rig.client.deploy({ commit, trigger: 'manual' })];
  for (const answer of answers) {
    assert.ok(!answer.success && answer.code === 'not_approved' && answer.step === 'promote', JSON.stringify(answer));
    assert.match(answer.error, /Nobody approved it within 1 s/);
    assert.equal((await rig.operator.attempt(answer.id ?? ''))?.approval?.state, 'expired');
  }
  assert.equal((await rig.visit()).body, 'first\n');
  const absent = await rig.visit('/.greenroom/api/session');
  assert.deepEqual([absent.status, (JSON.parse(absent.body) as { code: string }).code], [503, 'unavailable']);
  const chat = createServer((request, response) => response.end(`chat ${request.url}`)).listen(join(rig.data, 'run', 'chat.sock'));
  await once(chat, 'listening');
  t.after(() => chat.close());
  assert.equal((await rig.visit('/.greenroom/api/session')).body, 'chat /.greenroom/api/session');
});

async function openApproval(t: TestContext, approval_timeout_ms = 600_000): Promise<ApprovalRig> {
  const rig = await openRig(t, { contract: { agent: { approval: true, approval_timeout_ms }, health_timeout_ms: 1_500 } });
  const agent = createClient({ socket: join(rig.data, 'run', 'agent.sock') });
  const operator = createClient({ socket: join(rig.data, 'run', 'operator.sock') });
  assert.ok((await operator.deploy({ commit: rig.commit({ name: 'first' }) })).success);

  const seen = async (id: string, wanted: (view: AttemptView) => boolean): Promise<AttemptView> => {
    let view = await operator.attempt(id);
    await until(
      async () => {
        view = await operator.attempt(id);
        return view !== null && wanted(view);
      },
      () => JSON.stringify(view, null, 2),
    );
    assert.ok(view);
    return view;
  };
  return {
    ...rig,
    agent,
    operator,
    async wait(name) {
      const asked = await agent.deploy({ commit: rig.commit({ name }) }, { async: true });
      assert.ok(asked.success && 'id' in asked, JSON.stringify(asked));
      const view = await seen(asked.id, ({ approval, status }) => approval !== undefined || status === 'failed');
      assert.equal(view.approval?.state, 'waiting', JSON.stringify(view, null, 2));
      await until(
        async () => (await proxyStatus(rig)).apps[0]?.preview !== undefined,
        () => 'nothing is shown',
      );
      return { ...view, approval: view.approval };
    },
    decided: (id) => seen(id, ({ status, promoted }) => promoted || (status !== 'running' && status !== 'queued')),
    async look(path) {
      const opened = await rig.visit(path);
      if (opened.status !== 303) return opened;
      return await ask({ port: rig.port, path: String(opened.headers['location']), headers: { cookie: cookieIn(opened) } });
    },
  };
}

async function cookieOf(rig: Rig, path: string): Promise<string> {
  return cookieIn(await rig.visit(path));
}

function cookieIn({ headers }: Answer): string {
  const [cookie = ''] = [headers['set-cookie'] ?? []].flat();
  return cookie.split(';')[0] ?? '';
}

async function proxyStatus({ home }: Rig): Promise<ProxyStatus> {
  return JSON.parse((await ask({ socket: join(proxyDirectory(home), 'proxy.sock'), path: '/' })).body) as ProxyStatus;
}

const proxyPid = async (rig: Rig): Promise<number> => (await proxyStatus(rig)).pid;

async function inFlight(rig: Rig): Promise<number> {
  const { apps } = await proxyStatus(rig);
  const shown = apps[0]?.preview;
  return apps[0]?.in_flight.find((it) => it.instance === shown)?.requests ?? 0;
}

async function nothingLeft(rig: ApprovalRig): Promise<void> {
  await until(
    async () => {
      const { slots } = await rig.status();
      const wanted = slots.flatMap(({ instance, pid }) => (pid > 0 ? [instance] : []));
      return (
        [...instanceProcesses(rig.data).keys()].every((it) => wanted.includes(it)) &&
        (await proxyStatus(rig)).apps[0]?.preview === undefined
      );
    },
    () => `instances are left: ${[...instanceProcesses(rig.data).keys()]}`,
  );
}
