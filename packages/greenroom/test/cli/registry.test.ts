import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { findApp } from '../../src/registry/find.ts';
import { listApps, type RegisteredApp, registerApp } from '../../src/registry/index.ts';

async function fresh(t: TestContext): Promise<{ home: string; app(name: string, repo?: string): Promise<RegisteredApp> }> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'registry-')));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const home = join(folder, 'home');
  return {
    home,
    async app(name, repo = join(folder, name)) {
      await mkdir(repo, { recursive: true });
      const data = join(folder, 'data', name);
      const app = { name, data, repo, contract: join(data, 'app.contract.json'), api_port: 9100 };
      await registerApp(home, app);
      return app;
    },
  };
}

test('an app is found by name, by data directory, and from any folder below its repository or data', async (t) => {
  const { home, app } = await fresh(t);
  const shop = await app('shop');
  await app('shop-2');
  const below = join(shop.repo, 'src', 'deep');
  await mkdir(below, { recursive: true });
  const link = `${shop.repo}-link`;
  await symlink(shop.repo, link);
  const expected = { ok: true, app: shop };
  assert.deepEqual(await findApp({ app: 'shop', cwd: '/', home }), expected);
  assert.deepEqual(await findApp({ data: shop.data, cwd: '/', home }), expected);
  for (const cwd of [shop.repo, below, link, shop.data]) assert.deepEqual(await findApp({ cwd, home }), expected, cwd);
});

test('the closest app wins, and two of one folder must be named', async (t) => {
  const { home, app } = await fresh(t);
  const outer = await app('outer');
  const inner = await app('inner', join(outer.repo, 'inner'));
  assert.deepEqual(await findApp({ cwd: inner.repo, home }), { ok: true, app: inner });
  await app('twin', outer.repo);
  const found = await findApp({ cwd: outer.repo, home });
  assert.ok(!found.ok && found.code === 'app_ambiguous');
  assert.match(found.error, /outer, twin.*--app/);
});

test('the only app is not taken for the one that was meant; which there are is said, broken entries by name', async (t) => {
  const { home, app } = await fresh(t);
  await app('shop');
  await writeFile(join(home, 'registry', 'torn.json'), '{"name":"torn",');
  await writeFile(
    join(home, 'registry', 'other.json'),
    JSON.stringify({ name: 'else', data: '/d', repo: '', contract: '/c', api_port: 1 }),
  );
  const found = await findApp({ cwd: home, home });
  assert.ok(!found.ok);
  assert.equal(found.code, 'app_not_found');
  assert.match(found.error, /belongs to no app[\s\S]*torn\.json: it is not valid JSON[\s\S]*shop[\s\S]*--app NAME/);
  assert.deepEqual(
    (await listApps(home)).apps.map(({ name }) => name),
    ['shop'],
  );
  assert.match(JSON.stringify(await findApp({ app: 'shap', cwd: '/', home })), /There is no app \\"shap\\"/);
});

test('names that could leave the folder are refused', async (t) => {
  const { home } = await fresh(t);
  for (const name of ['', '../x', 'A', '-x', 'a/b', 'a.b']) {
    await assert.rejects(registerApp(home, { name, data: join(home, 'd'), repo: '', contract: '', api_port: 1 }), TypeError, name);
  }
});
