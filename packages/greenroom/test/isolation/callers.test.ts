import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { createClient } from '@greenroom/sdk/client';
import type { AttemptView, CallerView, JournalRecord } from '@greenroom/sdk/wire';
import { runCli } from '../../../../bench/harness/greenroom.ts';
import { identify, type Peers } from '../../src/orchestrator/api/caller.ts';
import { openCredentials } from '../../src/peers/credentials.ts';
import { ask } from '../e2e/ask.ts';
import { openRig, type Rig, until } from '../e2e/rig.ts';
import { asId } from './as-id.ts';

const STRANGER = 65_533;
const OWN = process.geteuid?.() ?? 0;
const isRoot = OWN === 0;

test('the kernel says whose process connected, of Unix sockets alone', async (t) => {
  const read = await openCredentials();
  assert.ok(typeof read === 'function', `${read}`);
  const peerAt = async (address: string | { port: number; host: string }): Promise<unknown> => {
    const server = createServer();
    t.after(() => server.close());
    server.listen(address);
    await once(server, 'listening');
    const bound = server.address();
    const client = connect(typeof bound === 'string' ? { path: bound } : { port: bound?.port ?? 0 });
    t.after(() => client.destroy());
    const [socket] = (await once(server, 'connection')) as [Socket];
    t.after(() => socket.destroy());
    const answer = read(socket);
    socket.destroy();
    assert.equal(read(socket), null, 'of a connection that is over');
    return answer;
  };
  const own = { pid: process.pid, uid: OWN, gid: process.getegid?.() };
  assert.deepEqual(await peerAt('\0greenroom-callers-test'), own);
  assert.equal(await peerAt({ port: 0, host: '127.0.0.1' }), null);
});

test('a system that the library is not made for is told, not stopped', async () => {
  const refused = await openCredentials(() => Promise.reject(new Error('no such module\nRequire stack: …')));
  assert.equal(refused, 'koffi could not be loaded: no such module');
});

test('who is there decides, and where the kernel cannot be asked the socket does', () => {
  const socket = {} as Socket;
  const peers = (uid: number | null, agent?: number): Peers => ({
    read: () => (uid === null ? null : { pid: 12, uid, gid: uid }),
    name: async () => assert.fail('nobody asked'),
    own: 500,
    ...(agent === undefined ? {} : { agent }),
  });
  const roleOf = (...[listener, asked]: [Parameters<typeof identify>[0], Peers | null]): string => {
    const found = identify(listener, socket, asked);
    return 'refused' in found ? found.refused.error : found.role;
  };
  for (const [listener, asked, expected] of [
    ['operator-socket', peers(0), 'operator'],
    ['operator-socket', peers(500), 'operator'],
    ['operator-socket', null, 'operator'],
    ['operator-socket', peers(600, 600), 'agent'],
    // On a laptop they are one user, and the socket decides.
    ['operator-socket', peers(500, 500), 'operator'],
    ['agent-socket', peers(500, 500), 'agent'],
    ['agent-socket', peers(0, 600), 'agent'],
    ['agent-socket', peers(700), 'agent'],
    ['agent-socket', null, 'agent'],
    ['tcp', peers(0), 'local'],
  ] as const)
    assert.equal(roleOf(listener, asked), expected, `${listener} ${JSON.stringify(asked)}`);
  assert.match(roleOf('operator-socket', peers(700, 600)), /User 700 \(process 12\) may not use the operator's socket/);
  for (const listener of ['operator-socket', 'agent-socket'] as const)
    assert.match(roleOf(listener, peers(null)), /does not say who calls/);
});

test('attempts and what the operator does are journalled with who called; the port is closed, or for questions only', async (t) => {
  const rig = await openRig(t, { bySocket: true, contract: { api_access: 'off' } });
  const first = rig.commit({ name: 'first' });
  const { id } = await rig.live(first);
  const me = (view: CallerView | undefined): void => {
    assert.deepEqual([view?.uid, view?.pid, view?.program], [OWN, process.pid, basename(process.execPath)]);
    assert.match(view?.user ?? '', /^[a-z_][a-z0-9_-]*$/);
  };
  const attempt = await rig.client.attempt(id);
  assert.equal(attempt?.caller, 'operator-socket');
  me(attempt?.called_by);
  const user = attempt?.called_by?.user;
  assert.match(
    await said(rig, 'log', id),
    new RegExp(`by manual \\(operator-socket, ${user} with ${basename(process.execPath)}, process ${process.pid}\\)`),
  );

  await rig.client.freeze({ reason: 'a holiday' });
  me((await rig.status()).freeze?.called_by);
  await rig.client.override({ commit: first, code: 'gate_diff_lines', reason: 'agreed' });
  me((await rig.status()).overrides[0]?.called_by);
  await rig.client.thaw();
  for (const type of ['deploy_requested', 'frozen', 'override_granted', 'thawed']) me(recordOf(rig, type));

  // Nothing listens on the port, and nothing of the command line needs it.
  await assert.rejects(rig.api('GET', '/status'), { code: 'ECONNREFUSED' });
  assert.match(await said(rig, 'status'), /API on its sockets only/);
  const apps = await runCli(['apps'], { ...process.env, GREENROOM_HOME: rig.home, NO_COLOR: '1' });
  assert.match(apps.output, /API on its sockets only/);
  assert.match(await said(rig, 'doctor'), /no port: it is served over its sockets only/);
  if (isRoot) await strangers(rig);

  await rig.end('SIGUSR2');
  writeFileSync(rig.contractFile, readFileSync(rig.contractFile, 'utf8').replace('"api_access": "off"', '"api_access": "read"'));
  await rig.start();
  // The sockets are listened for before the port.
  await until(
    async () => (await rig.api('GET', '/status').catch(() => null))?.status === 200,
    () => 'an answer on the port',
  );
  for (const path of ['/deploy', '/rollback', '/freeze']) {
    const { status, body } = await rig.api('POST', path, {});
    assert.deepEqual([status, JSON.parse(body).code], [403, 'forbidden']);
    assert.match(JSON.parse(body).error, /answers questions only .* call over a socket, as "greenroom deploy"/);
  }
  assert.match(await said(rig, 'status'), /API on 127\.0\.0\.1:\d+ for questions only/);
  await rig.live(rig.commit({ name: 'second' }));
});

/** A user that is neither: even where the permissions of a socket let everybody in. */
async function strangers(rig: Rig): Promise<void> {
  const at = (name: string): string => join(rig.data, 'run', name);
  for (const folder of [rig.root, rig.data, at('')]) chmodSync(folder, 0o711);
  for (const name of ['operator.sock', 'agent.sock']) chmodSync(at(name), 0o666);
  const asStranger = (socket: string, path: string, body?: unknown): ReturnType<typeof ask> =>
    asId(STRANGER, () => ask({ socket: at(socket), method: body === undefined ? 'GET' : 'POST', path, body }));
  for (const body of [undefined, { reason: 'mine' }]) {
    const { status, body: text } = await asStranger('operator.sock', body ? '/freeze' : '/status', body);
    assert.equal(status, 403);
    assert.match(text, new RegExp(`User ${STRANGER} \\(process ${process.pid}\\) may not use the operator's socket`));
  }
  const { body } = await asStranger('agent.sock', '/deploy', { branch: 'main', trigger: 'manual' });
  const made = (await createClient({ socket: at('operator.sock') }).attempt(JSON.parse(body).id)) as AttemptView;
  assert.deepEqual([made.trigger, made.caller, made.called_by?.uid, made.called_by?.user], ['agent', 'agent-socket', STRANGER, '']);
}

async function said(rig: Rig, ...args: string[]): Promise<string> {
  const { output } = await rig.cli(args);
  return output;
}

/** Who the last record of this type says it was. */
function recordOf(rig: Rig, type: string): CallerView | undefined {
  const records = readFileSync(join(rig.data, 'journal.jsonl'), 'utf8').trim().split('\n');
  const found = records.map((line) => JSON.parse(line) as JournalRecord).findLast((record) => record.type === type);
  const { request = found } = (found ?? {}) as { request?: { called_by?: CallerView } };
  return (request as { called_by?: CallerView } | undefined)?.called_by;
}
