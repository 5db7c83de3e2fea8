import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { commitFiles } from '../../../../bench/harness/repo.ts';
import { buildNodeImage, IMAGE, openPodman, type Podman, withoutPodman } from '../instances/podman.ts';
import { openRig, pidOf, type Rig, until, visitAllTheTime } from './rig.ts';

const VISITORS = 4;
const SECRET = 'planted-value-of-a-secret';

describe('an app in containers', { skip: withoutPodman() || false }, () => {
  let podman: Podman;
  before(() => {
    podman = openPodman();
    buildNodeImage(podman);
  });
  after(() => podman.remove());

  const containers = (): string[] => podman.run('ps', '--all', '--format={{.Names}}').split('\n').filter(Boolean);

  test('is set up, probed, swapped and adopted without a lost request, and nothing of it stays', async (t) => {
    const rig = await openRig(t, {
      contract: {
        runner: { kind: 'container', image: IMAGE },
        setup_command: 'mkdir -p deps && node -p process.pid > deps/pid && echo "$HOME" > deps/home',
        smoke_test_command: 'node -e "if (!process.env.GREENROOM_URL || process.env.KEY) process.exit(1)" && ! touch here',
        shared_paths: ['data/'],
        secrets_inject: ['KEY'],
        limits: { app: { memory_mb: 300, processes: 60, open_files: 500 } },
      },
      env: { KEY: SECRET },
    });
    commitFiles(rig.repo, { '.gitignore': '/data\n/deps\n', 'package.json': '{}' }, 'Add dependencies');
    const first = await rig.live(rig.commit({ name: 'one' }));
    assert.equal(containers().length, 1);
    const inSlot = (file: string): string => readFileSync(join(rig.data, `deploy-${first.slot}`, file), 'utf8').trim();
    assert.ok(Number(inSlot('deps/pid')) < 20, 'setup has processes of its own only');
    assert.equal(inSlot('deps/home'), join(rig.data, 'setup-home'));

    await t.test('it sees its release, read-only, and what is shared', async () => {
      assert.equal((await rig.visit('/write')).body, 'written');
      assert.equal((await rig.visit('/note')).body, 'kept');
      const { environment, root, limits } = await seen(rig);
      assert.equal(environment['KEY'], SECRET);
      assert.ok(root.some((line) => / \/ .*\bro\b/.test(line)));
      assert.match(limits, /^Max open files\s+500\s+500/m);
      const line = readFileSync(`/proc/${pidOf(await rig.status())}/status`, 'utf8');
      assert.match(line, /^CapBnd:\s+0+$/m);
      assert.match(line, /^NoNewPrivs:\s+1$/m);
    });

    await t.test('a swap loses nothing', async () => {
      const visitors = Array.from({ length: VISITORS }, () => visitAllTheTime(rig));
      await rig.live(rig.commit({ name: 'two' }));
      await rig.client.rollback();
      assert.deepEqual((await Promise.all(visitors.map((it) => it.end()))).flat(), []);
      await until(
        () => containers().length === 1,
        () => `containers are ${containers()}`,
      );
    });

    await t.test('it lives on when the orchestrator is killed, and is adopted', async () => {
      const pid = pidOf(await rig.status());
      const visitors = visitAllTheTime(rig);
      await rig.kill();
      await rig.start();
      assert.equal(pidOf(await rig.status()), pid);
      assert.deepEqual(await visitors.end(), []);
    });

    await rig.stop();
    assert.deepEqual(containers(), []);
  });

  test('is built for each commit, and images of old ones go', async (t) => {
    const rig = await openRig(t, { contract: { runner: { kind: 'container', build: 'Containerfile' } } });
    const images = (): string[] =>
      podman
        .run('images', '--format={{.Repository}}:{{.Tag}}')
        .split('\n')
        .filter((it) => it.includes('/shop:'));
    commitFiles(rig.repo, { Containerfile: `FROM ${IMAGE}\nWORKDIR /app\nCOPY . .\n` }, 'Add an image');
    const commits = [];
    for (const name of ['one', 'two', 'three', 'four']) {
      const { commit } = await rig.live(rig.commit({ name }));
      commits.push(commit);
      assert.equal((await rig.visit()).body, `${name}\n`);
    }
    const kept = commits.slice(1).map((commit) => `localhost/greenroom/shop:${commit}`);
    assert.deepEqual(images().toSorted(), kept.toSorted());
    await rig.client.rollback();
    assert.equal((await rig.visit()).body, 'three\n');
    await refusesBadImage(rig, t);
  });
});

async function refusesBadImage(rig: Rig, t: TestContext): Promise<void> {
  await t.test('an image that cannot be built is refused with its output', async () => {
    const commit = commitFiles(rig.repo, { Containerfile: `FROM ${IMAGE}\nRUN cat nowhere\n` }, 'Break the image');
    const { evidence } = await rig.refused({ commit }, { code: 'setup_failed', step: 'prepare', error: /Building Containerfile/ });
    assert.match(evidence?.log_tail?.join('\n') ?? '', /nowhere/);
  });
}

/** The live instance, as it is seen from this machine and from inside. */
async function seen(rig: Rig): Promise<{ environment: Record<string, string>; root: string[]; limits: string }> {
  const pid = pidOf(await rig.status());
  const environment = JSON.parse((await rig.visit('/env')).body);
  const root = readFileSync(`/proc/${pid}/mounts`, 'utf8').split('\n');
  return { environment, root, limits: readFileSync(`/proc/${pid}/limits`, 'utf8') };
}
