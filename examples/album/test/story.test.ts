import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { git } from '../../../bench/harness/repo.ts';
import { startLoad } from '../../../bench/load/load.ts';
import { openRig, type Rig } from '../../../packages/greenroom/test/e2e/rig.ts';
import { findPostgres, startCluster } from '../../../packages/sdk/test/app/migrations/cluster.ts';
import { hangUp, send, signIn, startWriter } from './visitors.ts';

const ALBUM = join(import.meta.dirname, '..');
const CONTRACT = JSON.parse(readFileSync(join(ALBUM, 'app.contract.json'), 'utf8')) as Record<string, unknown>;

test('a column is renamed while visitors come and go: expand, deploy, back and forth, contract', async (t) => {
  const programs = findPostgres();
  assert.ok(programs, 'PostgreSQL was not found (on Debian: apt-get install postgresql)');
  const postgres = await startCluster(programs);
  t.after(() => postgres.stop());
  const env = { ...process.env, DATABASE_URL: postgres.url };
  const { port: _port, internal_port: _internal, ...contract } = CONTRACT;
  const setup_command = `ln -sfn '${join(ALBUM, 'node_modules')}' node_modules`;
  const rig = await openRig(t, { contract: { ...contract, setup_command, standby_ms: 0 }, env: { DATABASE_URL: postgres.url } });
  const migrate = (version: number): string =>
    execFileSync(process.execPath, ['src/migrate.ts', String(version)], { cwd: rig.repo, env, encoding: 'utf8' });

  const after = commitAlbum(rig, 'caption');
  const before = commitAlbum(rig, 'title', 'test/before/photos.ts');
  await refused(rig, before, /at schema version 0.*supports versions 1 to 2.*needs a newer schema/, /up to version 1 first/);
  migrate(1);
  await rig.live(before);
  const ann = await signIn(rig.port, 'Ann');
  assert.equal((await hangUp(rig.port, ann, 'The first')).status, 201);

  const load = startLoad({
    url: `http://127.0.0.1:${rig.port}`,
    mix: { get: 2, 'get-new': 1 },
    paths: { get: '/', 'get-new': '/photos.json' },
  });
  const writer = startWriter(rig.port, ann);
  try {
    await refused(
      rig,
      after,
      /at schema version 1.*supports versions 2 to 3.*needs a newer schema/,
      /up to version 2 first.*greenroom deploy/,
    );

    assert.match(migrate(2), /applied 0002_add_caption\.sql/);
    await rig.live(after);
    assert.ok(await rolledBackTo(rig, before), 'both releases work with the schema between them');
    await rig.live(after);

    assert.match(migrate(3), /applied 0003_drop_title\.sql/);
    await refused(
      rig,
      '',
      /at schema version 3.*supports versions 1 to 2.*moved past it/,
      /take the schema back to version 2.*greenroom rollback/,
    );
    assert.equal((await rig.status()).live_commit, after);

    assert.match(migrate(2), /applied 0003_drop_title\.down\.sql/);
    assert.ok(await rolledBackTo(rig, before), 'allowed again once the schema is back');
  } finally {
    const [{ hung, failures }, report] = [await writer.stop(), await load.stop()];
    assert.deepEqual([failures, report.failures], [[], []]);
    assert.ok(hung > 20, `${hung} pictures`);
    t.diagnostic(
      `${Object.values(report.commits).reduce((sum, count) => sum + count, 0)} pages and ${hung} pictures under load, none failed`,
    );
    const { photos } = JSON.parse((await rig.visit('/photos.json')).body) as { photos: { caption: string; file: string }[] };
    assert.equal(photos[0]?.caption, `picture ${hung - 1}`);
    assert.equal((await rig.visit(`/uploads/${photos[0]?.file}`)).headers['content-type'], 'image/png');
    assert.match((await send(rig.port, 'GET', '/', { headers: { cookie: ann } })).body, /Hello Ann/, 'the session outlived every instance');
  }
});

/** The album as one commit, with another file in the place of `src/photos.ts` if one is named. */
function commitAlbum({ repo }: Rig, subject: string, photos = 'src/photos.ts'): string {
  for (const name of readdirSync(repo)) if (name !== '.git') rmSync(join(repo, name), { recursive: true });
  for (const name of ['src', 'migrations', 'package.json', 'package-lock.json', '.gitignore'])
    cpSync(join(ALBUM, name), join(repo, name), { recursive: true });
  cpSync(join(ALBUM, photos), join(repo, 'src/photos.ts'));
  symlinkSync(join(ALBUM, 'node_modules'), join(repo, 'node_modules'));
  git(repo, 'add', '-A');
  git(repo, 'commit', '-q', '-m', subject);
  return git(repo, 'rev-parse', 'HEAD');
}

async function rolledBackTo(rig: Rig, commit: string): Promise<boolean> {
  const answer = await rig.client.rollback({});
  assert.ok(answer.success, JSON.stringify(answer));
  return (await rig.status()).live_commit === commit;
}

/** A deploy, or a rollback when no commit is named, that is refused because of the schema. */
async function refused(rig: Rig, commit: string, error: RegExp, remedy: RegExp): Promise<void> {
  const answer = commit === '' ? await rig.client.rollback({}) : await rig.client.deploy({ commit });
  assert.ok(!answer.success && 'code' in answer, JSON.stringify(answer));
  assert.equal(answer.code, 'schema_incompatible', JSON.stringify(answer, null, 2));
  assert.match(answer.error, error);
  assert.match(String(answer.evidence?.remedy), remedy);
}
