import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient } from '@greenroom/sdk/client';
import type { DriftName, SchemaView, Status } from '@greenroom/sdk/wire';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { openRig, pidOf, type Rig, until } from './rig.ts';

/** What the status says of the releases: role and fits. */
const fits = ({ schema }: Status): string => (schema?.releases ?? []).map((it) => `${it.role} ${it.fits}`).join(', ');

test('code and schema: expand, contract, and every order that would hurt', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'schema-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'database.json');
  const migrateTo = (version: number, then = version): void => writeFileSync(file, JSON.stringify({ version, then }));
  migrateTo(3);
  const rig = await openRig(t, {
    contract: { schema_status_endpoint: '/schema', standby_ms: 600_000, env: { SCHEMA_FILE: file } },
  });
  const old = rig.commit({ name: 'old', schema: [2, 4] });
  await rig.live(old);

  await t.test('code that needs a newer schema is refused, and the versions are named', async () => {
    const answer = await rig.refused(
      { commit: rig.commit({ schema: [4, 5] }) },
      {
        code: 'schema_incompatible',
        step: 'probe',
        error: /at schema version 3, and \w{10} supports versions 4 to 5, so it needs a newer schema/,
      },
    );
    assert.match(answer.evidence?.remedy ?? '', /Apply the migrations up to version 4 first.*greenroom deploy \w{10}$/);
  });

  await t.test('a release without the endpoint is refused', async () => {
    const answer = await rig.refused({ commit: rig.commit({}) }, { code: 'schema_incompatible', step: 'probe', error: /cannot be told/ });
    assert.match(answer.evidence?.request?.url ?? '', /\/schema$/);
  });

  const wide = rig.commit({ name: 'wide', schema: [3, 5] });
  await t.test('a schema that moves between the check and the switch stops the switch', async () => {
    migrateTo(3, 6);
    await rig.refused({ commit: wide }, { code: 'schema_incompatible', step: 'promote', error: /version 6, .* moved past it/ });
    migrateTo(3);
  });

  await t.test('expanded: the loop notices, and the way back stays open', async () => {
    await rig.live(wide);
    migrateTo(4);
    const [moved] = await driftOf(rig);
    assert.equal(moved?.name, 'schema_moved');
    assert.match(moved.detail, /from schema version 3 to 4 .* still allowed\.$/);
    await untilStandby(rig);
    const status = await untilVersion(rig, 4);
    assert.equal(fits(status), 'live yes, previous yes');
  });

  await t.test('contracted: the rollback is refused, and the standby waits until it may', async () => {
    migrateTo(5);
    const before = await untilVersion(rig, 5);
    assert.equal(fits(before), 'live yes, previous no');
    const { output } = await rig.cli(['status']);
    assert.match(
      output,
      /schema +version 5\n.*schema +live \w+ \(3 to 5\) works with it\n.*schema +rollback to \w+ \(2 to 4\) refused: The database is at/s,
    );
    assert.match((await rig.cli(['doctor'])).output, /schema +version 5; live \w+ \(3 to 5\) works with it; rollback to .* refused/);
    const standby = before.slots.find((it) => it.role === 'standby');
    const refused = await rig.client.rollback();
    assert.ok(!refused.success);
    assert.deepEqual([refused.code, refused.step], ['schema_incompatible', 'probe']);
    assert.match(refused.error, /at schema version 5, and \w{10} supports versions 2 to 4, so the schema has moved past it/);
    assert.match(refused.evidence?.remedy ?? '', /Go forward instead.*greenroom rollback$/);
    await untilStandby(rig);
    migrateTo(4);
    const allowed = await rig.client.rollback();
    assert.ok(allowed.success, JSON.stringify(allowed));
    const after = await rig.status();
    assert.deepEqual([after.live_commit, pidOf(after)], [old, standby?.pid], 'the very process that had been refused');
  });

  await t.test('a live release that no longer fits is told, serves on, and is started again when it ends', async () => {
    migrateTo(9);
    const drift = await driftOf(rig);
    assert.deepEqual(
      drift.map((it) => it.name).filter((it) => it.startsWith('schema')),
      ['schema_moved', 'schema_incompatible'] satisfies DriftName[],
    );
    const pid = pidOf(await rig.status());
    await rig.visit('/crash').catch(() => undefined);
    await until(
      async () => {
        const status = await rig.status();
        return status.healthy && pidOf(status) !== pid;
      },
      () => 'not started again',
    );
  });

  await t.test('what each release declared is known after a restart of the orchestrator', async () => {
    const declared = async (): Promise<SchemaView['releases']> => (await untilVersion(rig, 9)).schema?.releases ?? [];
    const before = await declared();
    await rig.kill();
    await rig.start();
    assert.deepEqual(await declared(), before);
    assert.deepEqual(
      before.map((it) => [it.commit, it.code_min_schema_version, it.code_max_schema_version, it.fits]),
      [
        [old, 2, 4, 'no'],
        [wide, 3, 5, 'no'],
      ],
    );
  });
});

const driftOf = async (rig: Rig): Promise<Status['drift']> => {
  const answer = await createClient({ socket: layoutOf(rig.data).operatorSocket }).reconcile();
  assert.ok(answer.success, JSON.stringify(answer));
  return (await rig.status()).drift;
};

/** The status reads the schema once a second at most. */
async function untilVersion(rig: Rig, version: number): Promise<Status> {
  let status = await rig.status();
  await until(
    async () => {
      status = await rig.status();
      return status.schema?.now?.current_schema_version === version;
    },
    () => `the schema is ${JSON.stringify(status.schema)}`,
  );
  return status;
}

const untilStandby = (rig: Rig): Promise<void> =>
  until(
    async () => (await rig.status()).slots.some((it) => it.role === 'standby'),
    () => 'no standby',
  );
