import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { processesOf } from '../../../../bench/harness/leftovers.ts';
import { commitFiles, git } from '../../../../bench/harness/repo.ts';
import { openRig, type Rig, until } from './rig.ts';

/** Says what the app's folder lies in: slot, then file. */
const inSlot = (rig: Rig, slot: string, file: string): string => join(rig.data, `deploy-${slot}`, file);

/** Names that a shell adds by itself. */
const SHELL_NAMES = ['PWD', 'OLDPWD', 'SHLVL', '_'];
/** The orchestrator's own that may pass; their values are no secret. */
const PASSED = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'TZ', 'TMPDIR', 'NODE_ENV'];

describe('what a release is prepared with', { concurrency: 2 }, () => {
  test('setup runs when its inputs changed, is carried to the other slot, and a bad one never goes live', async (t) => {
    const rig = await openRig(t, {
      contract: { setup_command: 'sh setup.sh', setup_inputs: ['package.json', 'setup.sh'], setup_timeout_ms: 2_500 },
    });
    const runs = join(rig.root, 'runs');
    const good = `echo ran >> ${runs}\nmkdir -p deps\ncp package.json deps/installed\n`;
    commitFiles(rig.repo, { 'setup.sh': good, 'package.json': '{"v":1}', '.gitignore': '/data\n/deps\n' }, 'Add dependencies');
    const countRuns = (): number => readFileSync(runs, 'utf8').split('\n').length - 1;
    const detailOfPrepare = async (id: string): Promise<string> =>
      (await rig.client.attempt(id))?.steps.find((it) => it.step === 'prepare')?.detail ?? '';

    await t.test('once for the same inputs, in whichever slot', async () => {
      const first = await rig.live(rig.commit({ name: 'one' }));
      assert.equal(countRuns(), 1);
      const second = await rig.live(rig.commit({ name: 'two' }));
      assert.match(await detailOfPrepare(second.id), /carried/);
      const third = await rig.live(rig.commit({ name: 'three' }));
      assert.match(await detailOfPrepare(third.id), /unchanged/);
      assert.equal(countRuns(), 1);
      assert.notEqual(first.slot, second.slot);
      for (const slot of ['a', 'b']) assert.equal(readFileSync(inSlot(rig, slot, 'deps/installed'), 'utf8'), '{"v":1}');
    });

    await t.test('again when an input changed, and the live slot keeps its own', async () => {
      const { slot } = await rig.live(rig.commit({ name: 'four' }, { 'package.json': '{"v":2}' }));
      assert.equal(countRuns(), 2);
      assert.equal(readFileSync(inSlot(rig, slot, 'deps/installed'), 'utf8'), '{"v":2}');
      assert.equal(readFileSync(inSlot(rig, slot === 'a' ? 'b' : 'a', 'deps/installed'), 'utf8'), '{"v":1}');
    });

    await t.test('one that fails is the reason, with its output', async () => {
      const commit = rig.commit({}, { 'setup.sh': 'echo cannot resolve left-pad >&2\nexit 9\n' });
      const { evidence } = await rig.refused({ commit }, { code: 'setup_failed', step: 'prepare', error: /code 9/ });
      assert.ok(evidence?.log_tail?.includes('cannot resolve left-pad'));
      assert.equal(evidence?.command, 'sh setup.sh');
      assert.equal(evidence?.exit?.code, 9);
    });

    await t.test('one that hangs is ended with its children', async () => {
      const commit = rig.commit({}, { 'setup.sh': 'echo waiting\nsetsid sleep 864001 &\nsleep 864002\n' });
      const { evidence } = await rig.refused({ commit }, { code: 'setup_failed', step: 'prepare', error: /2500 ms/ });
      assert.ok(evidence?.log_tail?.includes('waiting'));
      const sleepers = (): number[] => processesOf(rig.data).filter((pid) => commandOf(pid).includes('sleep\u000086400'));
      await until(
        () => sleepers().length === 0,
        () => `of the setup still run ${sleepers()}`,
      );
    });

    await t.test('and a rollback after those boots what was there before', async () => {
      const { live_commit, previous_commit } = await rig.status();
      const answer = await rig.client.rollback();
      assert.ok(answer.success && 'slot' in answer, JSON.stringify(answer));
      assert.equal((await rig.status()).live_commit, previous_commit);
      assert.notEqual(previous_commit, live_commit);
      assert.equal(readFileSync(inSlot(rig, String(answer.slot), 'deps/installed'), 'utf8'), '{"v":1}');
      assert.equal((await rig.visit()).body, 'three\n');
    });
  });

  test('shared paths survive deploys and rollbacks; edits in a slot are rescued, never lost', async (t) => {
    const rig = await openRig(t, { contract: { shared_paths: ['data/'] } });
    const first = rig.commit({ name: 'one' });
    const second = rig.commit({ name: 'two' });
    await rig.live(first);
    assert.equal((await rig.visit('/write')).body, 'written');
    await rig.live(second);
    assert.equal((await rig.visit('/note')).body, 'kept');
    assert.ok((await rig.client.rollback()).success);
    assert.equal((await rig.visit('/note')).body, 'kept');
    assert.equal(readFileSync(join(rig.data, 'shared', 'data', 'note.txt'), 'utf8'), 'kept');

    const { slots } = await rig.status();
    const idle = slots.find((it) => it.role !== 'live')?.slot ?? '';
    writeFileSync(inSlot(rig, idle, 'server.cjs'), '// half-written by somebody\n');
    mkdirSync(inSlot(rig, idle, 'notes'));
    writeFileSync(inSlot(rig, idle, 'notes/new.txt'), 'not committed yet\n');
    const answer = await rig.live(rig.commit({ name: 'three' }));
    assert.equal(answer.slot, idle);
    assert.equal((await rig.visit()).body, 'three\n');
    assert.ok(!existsSync(inSlot(rig, idle, 'notes/new.txt')));
    const bare = join(rig.data, 'repo.git');
    const [ref = ''] = git(bare, 'for-each-ref', '--format=%(refname)', 'refs/greenroom/rescue').split('\n');
    assert.match(ref, /^refs\/greenroom\/rescue\//);
    assert.equal(git(bare, 'show', `${ref}:notes/new.txt`), 'not committed yet');
    assert.equal(git(bare, 'show', `${ref}:server.cjs`), '// half-written by somebody');
    assert.match(
      JSON.stringify(await rig.client.attempt(answer.id)) + readFileSync(rig.logFile, 'utf8'),
      /refs\/greenroom\/rescue/,
      'says so',
    );
  });

  test('app, setup and smoke test get exactly what they are meant to, and a changed copy of the contract changes nothing', async (t) => {
    const rig = await openRig(t, {
      contract: {
        env: { LOG_LEVEL: 'info' },
        secrets_inject: ['API_KEY'],
        setup_command: 'env > setup.env',
        setup_inputs: ['server.cjs'],
        smoke_test_command: 'sh smoke.sh',
        smoke_timeout_ms: 4_000,
      },
      env: {
        GITHUB_TOKEN: 'ghp_orchestrators_own',
        API_KEY: 'k',
        NODE_ENV: 'production',
        GREENROOM_DEBUG: '',
        NODE_OPTIONS: '--max-old-space-size=512',
      },
    });
    const smoke = 'env > smoke.env\nnode -e "fetch(process.env.GREENROOM_URL).then(async (it) => console.log(await it.text()))"\n';
    const { slot } = await rig.live(rig.commit({ name: 'one' }, { 'smoke.sh': smoke, '.gitignore': '/data\n*.env\n' }));
    const app = JSON.parse((await rig.visit('/env')).body) as Record<string, string>;
    const setup = readEnv(inSlot(rig, slot, 'setup.env'));
    const smoked = readEnv(inSlot(rig, slot, 'smoke.env'));
    const greenroom = [
      'GREENROOM',
      'GREENROOM_APP',
      'GREENROOM_SLOT',
      'GREENROOM_COMMIT',
      'GREENROOM_INSTANCE',
      'GREENROOM_CONTRACT',
      'PORT',
      'INTERNAL_PORT',
    ];

    await t.test('names', () => {
      const own = (env: Record<string, string>): string[] =>
        Object.keys(env)
          .filter((name) => ![...PASSED, ...SHELL_NAMES].includes(name) && !name.startsWith('LC_'))
          .sort();
      assert.deepEqual(own(app), [...greenroom, 'LOG_LEVEL', 'API_KEY'].sort());
      assert.deepEqual(own(smoked), [...greenroom, 'LOG_LEVEL', 'GREENROOM_URL', 'GREENROOM_INTERNAL_URL', 'GREENROOM_COMMAND'].sort());
      for (const name of own(setup))
        assert.match(
          name,
          /^(GREENROOM(_APP|_SLOT|_COMMIT|_CONTRACT|_COMMAND|_SETUP)?|LOG_LEVEL|https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY|.*CERT.*|.*CA.*)$/i,
        );
      for (const env of [app, setup, smoked]) assert.doesNotMatch(JSON.stringify(env), /ghp_|max-old-space/);
    });

    await t.test('values', async () => {
      const { live_commit, slots } = await rig.status();
      const live = slots.find((it) => it.role === 'live');
      assert.deepEqual([app['GREENROOM'], app['GREENROOM_APP'], app['GREENROOM_SLOT']], ['1', 'shop', slot]);
      assert.deepEqual([app['GREENROOM_COMMIT'], app['GREENROOM_INSTANCE']], [live_commit, live?.instance]);
      assert.deepEqual([app['LOG_LEVEL'], app['API_KEY'], app['NODE_ENV']], ['info', 'k', 'production']);
      assert.equal(smoked['GREENROOM_URL'], `http://127.0.0.1:${app['PORT']}`);
      assert.ok(![String(rig.port), String(rig.internalPort)].includes(app['PORT'] ?? ''), 'fresh ports');
    });

    await t.test('the contract: a copy outside the slots, readable, and without effect when changed', async () => {
      const copy = app['GREENROOM_CONTRACT'] ?? '';
      assert.ok(!copy.includes('/deploy-'));
      assert.deepEqual(
        JSON.parse((await rig.visit('/contract')).body),
        JSON.parse(readFileSync(join(rig.root, 'app.contract.json'), 'utf8')),
      );
      rmSync(copy, { force: true });
      writeFileSync(copy, JSON.stringify({ start_command: 'false', port: 1, health_endpoint: '/other' }));
      await rig.live(rig.commit({ name: 'two' }));
      assert.equal((await rig.visit()).body, 'two\n');
      await rig.stop();
      await rig.start();
      assert.deepEqual(JSON.parse(readFileSync(copy, 'utf8')), JSON.parse(readFileSync(join(rig.root, 'app.contract.json'), 'utf8')));
      assert.equal((await rig.visit()).body, 'two\n');
    });

    await t.test('a smoke test that fails', async () => {
      const commit = rig.commit({ name: 'three' }, { 'smoke.sh': 'echo the price is wrong\nexit 1\n' });
      const { evidence } = await rig.refused({ commit }, { code: 'smoke_failed', step: 'probe', error: /sh smoke\.sh/ });
      assert.ok(evidence?.log_tail?.includes('the price is wrong'));
    });

    await t.test('a smoke test that hangs is ended with its children', async () => {
      const commit = rig.commit({ name: 'four' }, { 'smoke.sh': 'setsid sleep 864003 &\nsleep 864004\n' });
      await rig.refused({ commit }, { code: 'smoke_failed', error: /4000 ms/ });
    });
  });
});

function readEnv(file: string): Record<string, string> {
  return Object.fromEntries(
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

function commandOf(pid: number): string {
  return existsSync(`/proc/${pid}/cmdline`) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : '';
}
