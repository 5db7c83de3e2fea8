import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { migrationOf, undoes } from '../../src/orchestrator/core/gate/migrations.ts';
import { type Gated, gated, plumb } from './rig.ts';

const PATH = { migrations_path: 'db/migrations/' };
const LANDED = {
  'app.js': 'app\n',
  'db/migrations/0004_people.sql': 'CREATE TABLE people (name text);\n',
  'db/migrations/meta/_journal.json': '{}\n',
};

test('which files are migrations, and which number they have', () => {
  const table: [path: string, number: string | null, name?: string][] = [
    ['db/migrations/0005_add.sql', '5', '0005_add'],
    ['db/migrations/5.sql', '5', '5'],
    ['db/migrations/000_init.sql', '0', '000_init'],
    ['db/migrations/20260101120000_add/migration.sql', '20260101120000', '20260101120000_add'],
    ['db/migrations/0005_add.up.sql', '5', '0005_add'],
    ['db/migrations/0005_add.down.sql', '5', '0005_add'],
    ['db/migrations/V1.2__add.sql', '1.2', 'V1.2__add'],
    ['db/migrations/V1_2__add.sql', '1.2', 'V1_2__add'],
    ['db/migrations/0005_add.ts', '5', '0005_add'],
    ['db/migrations/20260101_Add.Designer.cs', '20260101', '20260101_Add'],
    ['db/migrations/0005_add.test.ts', '5', '0005_add'],
    ['db/migrations/005.do.add.sql', '5', '005.add'],
    ['db/migrations/005.undo.add.sql', '5', '005.add'],
    // Times as umzug and Diesel write them; a day alone is shared by all migrations of that day.
    ['db/migrations/2026.01.02T10.11.12.add.ts', '20260102101112', '2026.01.02T10.11.12.add'],
    ['db/migrations/2026-01-02-101112_add/up.sql', '20260102101112', '2026-01-02-101112_add'],
    ['db/migrations/2026_01_02_000000_add.php', '20260102000000', '2026_01_02_000000_add'],
    ['db/migrations/2026-01-02-add.sql', '2026-01-02-add', '2026-01-02-add'],
    // Random ids, as Alembic's: one that begins with a digit has no number either.
    ['db/migrations/1975ea83b712_add.py', '1975ea83b712_add', '1975ea83b712_add'],
    ['db/migrations/ae1027a6acf0_add.py', 'ae1027a6acf0_add', 'ae1027a6acf0_add'],
    ['db/migrations/meta/0005_snapshot.json', null],
    ['db/migrations/migration_lock.toml', null],
    ['db/migrations/R__views.sql', null],
    ['db/migrations-old/0005_add.sql', null],
    ['other/db/migrations/0005_add.sql', null],
  ];
  for (const folder of ['db/migrations', 'db/migrations/'])
    for (const [path, number, name] of table) assert.deepEqual(migrationOf(path, folder), number === null ? null : { number, name }, path);
});

test('a file that undoes is one only beside the file that does', () => {
  const there = new Set(['m/5_a.sql', 'm/6_a.up.sql', 'm/7/up.sql', 'm/008.do.x.sql']);
  for (const path of ['m/5_a.down.sql', 'm/6_a.down.SQL', 'm/7/down.sql', 'm/008.undo.x.sql'])
    assert.equal(undoes(path, path.endsWith('SQL') ? new Set(['m/6_a.up.SQL']) : there), true, path);
  for (const path of ['m/9_a.down.sql', 'm/5_down.sql', 'm/down.sql', 'm/5_a.sql']) assert.equal(undoes(path, there), false, path);
});

/** Whatever is not on the human branch is the agent's, when the agent asks for it. */
const byAgent = ({ first }: Gated) => ({ trigger: 'agent', humanHead: first, liveFrom: 'human' }) as const;

test('a migration that has landed is not edited, renamed or deleted, by nobody', async (t) => {
  const gate = await gated(t, LANDED, PATH);
  const file = 'db/migrations/0004_people.sql';
  const added = gate.commit({
    'db/migrations/0005_age.sql': 'ALTER TABLE people ADD age int;\n',
    'db/migrations/meta/_journal.json': '{"n":5}\n',
  });
  const better = gate.commit({ 'db/migrations/0005_age.sql': 'ALTER TABLE people ADD age bigint;\n' });
  assert.doesNotMatch(await gate.passes(better), /migration/);
  const edited = gate.commit({ [file]: 'CREATE TABLE people (name text, age int);\n' });
  const refusal = await gate.refused(edited, 'gate_migration');
  assert.match(refusal.error, /changes the migration "db\/migrations\/0004_people.sql", which is in the live release/);
  assert.equal(refusal.evidence?.rule, 'applied_migration');
  assert.match(refusal.evidence?.remedy ?? '', new RegExp(`git checkout ${gate.first} -- "${file}"`));
  await gate.passes(gate.commit({ [file]: LANDED[file] }), { live: better });

  gate.reset();
  gate.git('mv', file, 'db/migrations/0003_people.sql');
  assert.match(
    (await gate.refused(gate.commit({}), 'gate_migration')).error,
    /renames the migration .* to "db\/migrations\/0003_people.sql"/,
  );
  gate.reset();
  gate.git('rm', '-q', file);
  const without = gate.commit({});
  assert.match((await gate.refused(without, 'gate_migration', byAgent(gate))).error, /deletes the migration/);

  // What was there before the migration is no deletion of it, and neither is what forked off before it.
  await gate.passes(gate.first, { live: better });
  gate.reset();
  await gate.passes(gate.commit({ 'app.js': 'forked\n' }), { live: added });
});

test('two branches do not add the same number', async (t) => {
  const gate = await gated(t, LANDED, PATH);
  const human = gate.commit({ 'db/migrations/0005_age.sql': 'ALTER TABLE people ADD age int;\n' });
  gate.git('branch', 'human');
  gate.reset();
  const mine = gate.commit({ 'db/migrations/5_height/migration.sql': 'ALTER TABLE people ADD height int;\n' });
  const refusal = await gate.refused(mine, 'gate_migration', { ...byAgent(gate), humanHead: human });
  assert.match(
    refusal.error,
    /adds the migration "db\/migrations\/5_height\/migration.sql" with the number 5, which "db\/migrations\/0005_age.sql" has too/,
  );
  assert.equal(refusal.evidence?.rule, 'same_number');
  assert.match(refusal.evidence?.remedy ?? '', /next free number, after 5, on top of the other: git merge/);
  gate.git('branch', 'mine');
  // The other way round: the agent's is live, a person adds the same number.
  await gate.refused(human, 'gate_migration', { live: mine });
  gate.git('merge', '-q', '--no-edit', human);
  await gate.refused(gate.commit({ 'app.js': 'merged\n' }), 'gate_migration', { ...byAgent(gate), humanHead: human });

  gate.reset();
  const pair = gate.commit({ 'db/migrations/0005_x.up.sql': 'SELECT 1;\n', 'db/migrations/0005_x.down.sql': 'DROP TABLE people;\n' });
  await gate.passes(pair, byAgent(gate));
  const twice = gate.commit({ 'db/migrations/0006_a.sql': 'SELECT 1;\n', 'db/migrations/0006_b.sql': 'SELECT 1;\n' });
  await gate.refused(twice, 'gate_migration');
  // Once they have landed, nobody is stopped by what is past.
  await gate.passes(gate.commit({ 'app.js': 'later\n' }), { live: twice });
});

test('what the release before cannot bear is refused for an agent, and pointed out for a person', async (t) => {
  const gate = await gated(t, LANDED, PATH);
  const drop = gate.commit({ 'db/migrations/0005_drop.sql': '-- tidy up\nALTER TABLE people DROP COLUMN name;\nDELETE FROM people;\n' });
  const refusal = await gate.refused(drop, 'gate_destructive_migration', byAgent(gate));
  assert.match(
    refusal.error,
    /"db\/migrations\/0005_drop.sql" drops the column people.name \(line 2\), while the release before it still serves\.$/,
  );
  assert.deepEqual([refusal.evidence?.file, refusal.evidence?.line], ['db/migrations/0005_drop.sql', 2]);
  assert.match(
    refusal.evidence?.remedy ?? '',
    /First deploy code that no longer uses it.*greenroom override \w{10} --code gate_destructive_migration/,
  );
  const detail =
    /hurt the release before: 0005_drop.sql line 2 drops the column people.name, mind in the migrations: 0005_drop.sql line 3 deletes every row of people/;
  assert.match(await gate.passes(drop), detail);
  await gate.passes(drop, { ...byAgent(gate), overrides: [{ commit: drop, code: 'gate_destructive_migration' }] });
  // A person's migration that the agent has merged is not the agent's.
  const onTop = gate.commit({ 'app.js': 'by the agent\n' });
  assert.doesNotMatch(await gate.passes(onTop, { ...byAgent(gate), humanHead: drop }), /hurt/);
  // Nothing serves that could be hurt by the first deploy.
  assert.doesNotMatch(await gate.passes(drop, { live: '' }), /hurt/);

  gate.reset();
  const unread = gate.commit({ 'db/migrations/0005_x.sql': 'ALTR TABLE people;\n' });
  const opaque = await gate.refused(unread, 'gate_destructive_migration', byAgent(gate));
  assert.match(opaque.error, /neither PostgreSQL .* nor SQLite, and cannot be judged/);
  assert.match(await gate.passes(unread), /cannot be judged/);
  const script = gate.commit({
    'db/migrations/0005_x.sql': 'SELECT 1;\n',
    'db/migrations/0006_y.ts': 'export const up = () => undefined;\n',
  });
  assert.match(await gate.passes(script, byAgent(gate)), /not SQL, so not judged: 0006_y.ts/);
});

test('what a tool would run is read under any name', async (t) => {
  const gate = await gated(t, { ...LANDED, 'db/migrations/R__views.sql': 'DROP VIEW IF EXISTS a; CREATE VIEW a AS SELECT 1;\n' }, PATH);
  const drop = 'DROP TABLE people;\n';
  const refusedFor = async (files: Record<string, string>): Promise<string> => {
    gate.reset();
    return (await gate.refused(gate.commit(files), 'gate_destructive_migration', byAgent(gate))).error;
  };
  assert.match(await refusedFor({ 'db/migrations/drop.sql': drop }), /drops the table people/);
  assert.match(await refusedFor({ 'db/migrations/0005_x.down.sql': drop }), /drops the table people/);
  assert.match(
    await refusedFor({ 'db/migrations/R__views.sql': `DROP VIEW IF EXISTS a; ${drop}` }),
    /R__views.sql" drops the table people \(/,
  );
  gate.reset();
  const pair = { 'db/migrations/5_x/up.sql': 'SELECT 1;\n', 'db/migrations/5_x/down.sql': drop };
  const views = { 'db/migrations/R__views.sql': 'DROP VIEW IF EXISTS a; CREATE VIEW a AS SELECT 2;\n' };
  await gate.passes(gate.commit({ ...pair, ...views }), byAgent(gate));
  gate.reset();
  symlinkSync('../../drop.txt', join(gate.app, 'db/migrations/0005_x.sql'));
  const link = gate.commit({ 'drop.txt': drop });
  assert.match((await gate.refused(link, 'gate_destructive_migration', byAgent(gate))).error, /is a link, so what a tool would run/);
});

test('a migration of a release that was rolled back from stays as it is, too', async (t) => {
  const gate = await gated(t, LANDED, PATH);
  const file = 'db/migrations/0005_age.sql';
  const was = gate.commit({ [file]: 'ALTER TABLE people ADD age int;\n' });
  await gate.passes(was);
  plumb(gate.mirror, '', 'update-ref', 'refs/greenroom/previous', was);
  const edited = gate.commit({ [file]: 'ALTER TABLE people ADD age bigint;\n' });
  const refusal = await gate.refused(edited, 'gate_migration');
  assert.match(refusal.error, /changes the migration "db\/migrations\/0005_age.sql", which is in a release that was live/);
  gate.reset();
  await gate.passes(gate.commit({ 'app.js': 'another way\n' }));
});

test('the contract may want a warning only, and without a path nothing is looked at', async (t) => {
  const warned = await gated(t, LANDED, { ...PATH, destructive_migrations: 'warn' });
  const drop = { 'db/migrations/0005_drop.sql': 'DROP TABLE people;\n' };
  assert.match(
    await warned.passes(warned.commit(drop), byAgent(warned)),
    /hurt the release before: 0005_drop.sql line 1 drops the table people/,
  );
  const off = await gated(t, LANDED);
  off.git('rm', '-q', 'db/migrations/0004_people.sql');
  assert.doesNotMatch(await off.passes(off.commit(drop), byAgent(off)), /migration|hurt/);
});
