import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CLI } from '../../../bench/harness/greenroom.ts';
import { commitFiles, git } from '../../../bench/harness/repo.ts';
import { startLoad } from '../../../bench/load/load.ts';
import { CHAT_TOKEN } from '../../../packages/greenroom/test/agent/chat/rig.ts';
import { chatCommand } from '../../../packages/greenroom/test/agent/chat/service.ts';
import { ask } from '../../../packages/greenroom/test/e2e/ask.ts';
import { openRig, type Rig } from '../../../packages/greenroom/test/e2e/rig.ts';
import {
  doctorsFindings,
  gateDetail,
  refusedBySchema,
  rolledBackTo,
  startWriter,
} from '../../../packages/greenroom/test/e2e/schema-story.ts';

const POLL = join(import.meta.dirname, '..');
const CONTRACT = JSON.parse(readFileSync(join(POLL, 'app.contract.json'), 'utf8')) as Record<string, unknown>;

test('a Python app on SQLite: a column is renamed under load, and every order that would hurt is refused', async (t) => {
  const { port: _port, internal_port: _internal, ...contract } = CONTRACT;
  const agent = { command: `${process.execPath} ${CLI} demo-agent` };
  const rig = await openRig(t, { contract: { ...contract, standby_ms: 0, agent } });
  const env = { ...process.env, DATA_DIR: join(rig.data, 'shared', 'data'), PYTHONDONTWRITEBYTECODE: '1' };
  const migrate = (version: number): string =>
    execFileSync('python3', ['schema.py', String(version)], { cwd: rig.repo, env, encoding: 'utf8' });

  const before = commitPoll(rig, 'name', { queries: 'test/before/queries.py', migrations: 2 });
  await refusedBySchema(rig, before, /at schema version 0.*supports versions 1 to 2.*needs a newer schema/, /up to version 1 first/);
  assert.match(migrate(1), /applied 0001_begin\.sql\nthe schema is at version 1/);
  await rig.live(before);
  const after = commitPoll(rig, 'label', { queries: 'queries.py', migrations: 3 });

  const cookie = String((await rig.visit('/')).headers['set-cookie']).split(';')[0] ?? '';
  const load = startLoad({
    url: `http://127.0.0.1:${rig.port}`,
    mix: { get: 1, 'get-new': 1 },
    paths: { get: '/', 'get-new': '/results.json' },
  });
  const writer = startWriter(async (count) => {
    const body = `choice=${['Tea', 'Coffee', 'Water'][count % 3]}`;
    const answer = await ask({ port: rig.port, method: 'POST', path: '/vote', headers: { cookie }, body });
    return answer.status === 303 ? '' : `${answer.status} ${answer.body}`;
  });
  try {
    await refusedBySchema(
      rig,
      after,
      /at schema version 1.*supports versions 2 to 3.*needs a newer schema/,
      /up to version 2 first.*greenroom deploy/,
    );
    assert.match(migrate(2), /applied 0002_add_label\.sql/);
    await rig.live(after);
    assert.match(await gateDetail(rig), /hurt the release before: 0003_drop_name.sql line 2 drops the column choices.name/);
    assert.ok(await rolledBackTo(rig, before), 'both releases work with the schema between them');
    await rig.live(after);

    assert.match(migrate(3), /applied 0003_drop_name\.sql/);
    const passed = /at schema version 3.*supports versions 1 to 2.*moved past it/;
    await refusedBySchema(rig, '', passed, /take the schema back to version 2.*greenroom rollback/);
    await refusedBySchema(rig, before, passed, /supports version 3/);
    assert.equal((await rig.status()).live_commit, after);

    assert.match(migrate(2), /took back 0003_drop_name\.down\.sql\nthe schema is at version 2/);
    assert.ok(await rolledBackTo(rig, before), 'allowed again once the schema is back');
  } finally {
    const [{ written, failures }, report] = [await writer.stop(), await load.stop()];
    assert.deepEqual([failures, report.failures], [[], []]);
    assert.ok(written > 20, `${written} votes`);
    assert.match((await ask({ port: rig.port, path: '/', headers: { cookie } })).body, /<\/button> 1 ✓/, 'the vote, and whose it is');
  }

  await t.test('the chat is on its page, for who has the token', () => chatIsServed(t, rig));
  await t.test('an edited migration is refused by the gate', async () => {
    const edited = commitFiles(rig.repo, { 'migrations/0001_begin.sql': 'SELECT 1;\n' }, 'Tidy up');
    const answer = await rig.client.deploy({ commit: edited });
    assert.ok(!answer.success && 'code' in answer && answer.code === 'gate_migration', JSON.stringify(answer));
  });
  await t.test('doctor finds nothing', async () => assert.deepEqual(await doctorsFindings(rig), []));
});

test('a migration is run to its last statement, whole or not at all', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'poll-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['schema.py', 'queries.py']) cpSync(join(POLL, name), join(folder, name));
  mkdirSync(join(folder, 'migrations'));
  const put = (name: string, sql: string): void => writeFileSync(join(folder, 'migrations', name), sql);
  const migrate = (): string =>
    execFileSync('python3', ['schema.py'], {
      cwd: folder,
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
      encoding: 'utf8',
      stdio: 'pipe',
    });
  put('0001_a.sql', 'CREATE TABLE a (id INTEGER);\nCREATE TABLE b (id INTEGER)');
  put('0002_b.sql', 'INSERT INTO b VALUES (1)\n-- no semicolon\n');
  assert.match(migrate(), /at version 2/);
  put('0003_c.sql', 'CREATE TABLE c (id INTEGER);\nINSERT INTO nowhere VALUES (1);\n');
  assert.throws(migrate, /no such table: nowhere/);
  put('0003_c.sql', 'CREATE TABLE c (id INTEGER);\n');
  assert.match(migrate(), /applied 0003_c.sql\nthe schema is at version 3/);
});

/** `greenroom chat` beside the poll, which has no log-in of its own. */
async function chatIsServed(t: TestContext, rig: Rig): Promise<void> {
  assert.match((await rig.visit('/')).body, /<script type="module" src="\/\.greenroom\/chat\.js"><\/script>/);
  const chat = await chatCommand(t, rig).start();
  try {
    assert.equal((await rig.visit('/.greenroom/chat.js')).status, 200);
    assert.equal((await rig.visit('/.greenroom/api/session')).status, 401);
    const login = await rig.visit(`/.greenroom/login?token=${CHAT_TOKEN}`);
    const cookie = String(login.headers['set-cookie']).split(';')[0] ?? '';
    const session = await ask({ port: rig.port, path: '/.greenroom/api/session', headers: { cookie } });
    assert.equal(session.status, 200, session.body);
    assert.equal((JSON.parse(session.body) as { app: string }).app, 'shop');
  } finally {
    await chat.kill('SIGTERM');
  }
}

/** The poll as one commit, with a file in the place of `queries.py` and so many of its migrations. */
function commitPoll({ repo }: Rig, subject: string, { queries, migrations }: { queries: string; migrations: number }): string {
  for (const name of ['poll.py', 'schema.py', 'migrations', '.gitignore']) cpSync(join(POLL, name), join(repo, name), { recursive: true });
  cpSync(join(POLL, queries), join(repo, 'queries.py'));
  for (const name of readdirSync(join(repo, 'migrations')))
    if (Number.parseInt(name, 10) > migrations) rmSync(join(repo, 'migrations', name));
  git(repo, 'add', '-A');
  git(repo, 'commit', '-q', '-m', subject);
  return git(repo, 'rev-parse', 'HEAD');
}
