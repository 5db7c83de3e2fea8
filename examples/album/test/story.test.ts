import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ChatSession } from '@greenroom/sdk/chat';
import { CLI } from '../../../bench/harness/greenroom.ts';
import { commitFiles, git } from '../../../bench/harness/repo.ts';
import { startLoad } from '../../../bench/load/load.ts';
import { endMountedService } from '../../../packages/greenroom/test/agent/mounted.ts';
import { openRig, type Rig } from '../../../packages/greenroom/test/e2e/rig.ts';
import {
  doctorsFindings,
  gateDetail,
  refusedBySchema,
  rolledBackTo,
  startWriter,
} from '../../../packages/greenroom/test/e2e/schema-story.ts';
import { findPostgres, startCluster } from '../../../packages/sdk/test/app/migrations/cluster.ts';
import { hangUp, send, signIn } from './visitors.ts';

const ALBUM = join(import.meta.dirname, '..');
const CONTRACT = JSON.parse(readFileSync(join(ALBUM, 'app.contract.json'), 'utf8')) as Record<string, unknown>;

/** Makes somebody an editor, who may chat with the coding agent. */
const EDITOR_KEY = 'the key of the test';

test('a column is renamed while visitors come and go: expand, deploy, back and forth, contract', async (t) => {
  const programs = findPostgres();
  assert.ok(programs, 'PostgreSQL was not found (on Debian: apt-get install postgresql)');
  const postgres = await startCluster(programs);
  t.after(() => postgres.stop());
  const env = { DATABASE_URL: postgres.url, EDITOR_KEY };
  const { port: _port, internal_port: _internal, ...contract } = CONTRACT;
  const setup_command = `ln -sfn '${join(ALBUM, 'node_modules')}' node_modules`;
  const agent = { command: `${process.execPath} ${CLI} demo-agent` };
  const rig = await openRig(t, { contract: { ...contract, setup_command, standby_ms: 0, agent }, env });
  /** By hand, where no release is live or a step is taken back. */
  const migrate = (version: number): string =>
    execFileSync(process.execPath, ['src/migrate.ts', String(version)], {
      cwd: rig.repo,
      env: { ...process.env, ...env },
      encoding: 'utf8',
    });

  const before = commitAlbum(rig, 'title', { photos: 'test/before/photos.ts', migrations: 2 });
  await refusedBySchema(rig, before, /at schema version 0.*supports versions 1 to 2.*needs a newer schema/, /up to version 1 first/);
  assert.match(migrate(1), /applied 0001_begin\nthe schema is at version 1/);
  await rig.live(before);
  const ann = await signIn(rig.port, 'Ann');
  assert.equal((await hangUp(rig.port, ann, 'The first')).status, 201);
  const after = commitAlbum(rig, 'caption', { photos: 'src/photos.ts', migrations: 3 });

  const load = startLoad({
    url: `http://127.0.0.1:${rig.port}`,
    mix: { get: 2, 'get-new': 1 },
    paths: { get: '/', 'get-new': '/photos.json' },
  });
  const writer = startWriter(async (count, agent) => {
    const { status, body } = await hangUp(rig.port, ann, `picture ${count}`, agent);
    return status === 201 ? '' : `${status} ${body}`;
  });
  try {
    await refusedBySchema(
      rig,
      after,
      /at schema version 1.*supports versions 2 to 3.*needs a newer schema/,
      /up to version 2 first.*greenroom deploy/,
    );

    assert.deepEqual(await migrateLive(rig), ['0002_add_caption']);
    await rig.live(after);
    assert.match(await gateDetail(rig), /hurt the release before: .*0003_drop_title.sql line 4 drops the column photos.title/);
    assert.ok(await rolledBackTo(rig, before), 'both releases work with the schema between them');
    await rig.live(after);

    assert.deepEqual(await migrateLive(rig), ['0003_drop_title']);
    const passed = /at schema version 3.*supports versions 1 to 2.*moved past it/;
    await refusedBySchema(rig, '', passed, /take the schema back to version 2.*greenroom rollback/);
    await refusedBySchema(rig, before, passed, /supports version 3/);
    assert.equal((await rig.status()).live_commit, after);

    assert.match(migrate(2), /took back 0003_drop_title\nthe schema is at version 2/);
    assert.ok(await rolledBackTo(rig, before), 'allowed again once the schema is back');
  } finally {
    const [{ written, failures }, report] = [await writer.stop(), await load.stop()];
    assert.deepEqual([failures, report.failures], [[], []]);
    assert.ok(written > 20, `${written} pictures`);
    t.diagnostic(
      `${Object.values(report.commits).reduce((sum, count) => sum + count, 0)} pages and ${written} pictures under load, none failed`,
    );
    const { photos } = JSON.parse((await rig.visit('/photos.json')).body) as { photos: { caption: string; file: string }[] };
    assert.equal(photos[0]?.caption, `picture ${written - 1}`);
    assert.equal((await rig.visit(`/uploads/${photos[0]?.file}`)).headers['content-type'], 'image/png');
    assert.match((await send(rig.port, 'GET', '/', { headers: { cookie: ann } })).body, /Hello Ann/, 'the session outlived every instance');
  }

  await t.test('the chat is there for who has the key, and for nobody else', async () => {
    try {
      await chatIsForEditors(rig, ann);
    } finally {
      await endMountedService(rig);
    }
  });
  await t.test('an edited migration is refused by the gate', async () => {
    const edited = commitFiles(rig.repo, { 'migrations/0001_begin.sql': 'SELECT 1;\n' }, 'Tidy up');
    const answer = await rig.client.deploy({ commit: edited });
    assert.ok(!answer.success && 'code' in answer && answer.code === 'gate_migration', JSON.stringify(answer));
    assert.match(answer.error, /changes the migration "migrations\/0001_begin.sql", which is in the live release/);
  });
  await t.test('doctor finds nothing', async () => {
    assert.deepEqual(await doctorsFindings(rig, '--sign-in', '/sign-in name=Test'), []);
  });
});

/** By the live release itself, as an operator does: first a look, then the run. Answers what was applied. */
async function migrateLive({ internalPort }: Rig): Promise<string[]> {
  const run = async (query: string): Promise<Record<string, unknown>> => {
    const { body, status } = await send(internalPort, 'POST', `/migrations/run${query}`);
    assert.equal(status, 200, body);
    return JSON.parse(body.trimEnd().split('\n').at(-1) ?? '');
  };
  const { pending } = await run('?dry_run=1');
  const { event, applied } = await run('');
  assert.deepEqual([event, applied], ['done', pending]);
  return applied as string[];
}

async function chatIsForEditors(rig: Rig, visitor: string): Promise<void> {
  const tag = '<script type="module" src="/chat/chat.js"></script>';
  const seenBy = async (cookie: string): Promise<{ page: boolean; status: number; body: string }> => {
    const page = await send(rig.port, 'GET', '/', { headers: { cookie } });
    const session = await send(rig.port, 'GET', '/chat/api/session', { headers: { cookie } });
    return { page: page.body.includes(tag), status: session.status, body: session.body };
  };
  const strangers = await seenBy(visitor);
  assert.deepEqual([strangers.page, strangers.status], [false, 401]);
  const wrong = await send(rig.port, 'POST', '/sign-in', { body: new URLSearchParams({ name: 'Eve', key: 'guessed' }).toString() });
  assert.equal(wrong.status, 403);
  const editors = await seenBy(await signIn(rig.port, 'Ed', EDITOR_KEY));
  assert.deepEqual([editors.page, editors.status], [true, 200], editors.body);
  const { user, can_approve } = JSON.parse(editors.body) as ChatSession;
  assert.deepEqual([user, can_approve], [{ id: 'Ed', name: 'Ed' }, true]);
  assert.equal((await rig.visit('/chat/chat.js')).status, 200);
}

/** The album as one commit, with a file in the place of `src/photos.ts` and so many of its migrations. */
function commitAlbum({ repo }: Rig, subject: string, { photos, migrations }: { photos: string; migrations: number }): string {
  for (const name of readdirSync(repo)) if (name !== '.git') rmSync(join(repo, name), { recursive: true });
  for (const name of ['src', 'migrations', 'package.json', 'package-lock.json', '.gitignore'])
    cpSync(join(ALBUM, name), join(repo, name), { recursive: true });
  cpSync(join(ALBUM, photos), join(repo, 'src/photos.ts'));
  for (const name of readdirSync(join(repo, 'migrations')))
    if (Number.parseInt(name, 10) > migrations) rmSync(join(repo, 'migrations', name));
  symlinkSync(join(ALBUM, 'node_modules'), join(repo, 'node_modules'));
  git(repo, 'add', '-A');
  git(repo, 'commit', '-q', '-m', subject);
  return git(repo, 'rev-parse', 'HEAD');
}
