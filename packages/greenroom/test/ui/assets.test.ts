import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { openAssets } from '../../src/ui-files.ts';

const assets = openAssets('chat');
const text = (path: string): string => assets.get(path)?.body.toString() ?? '';

for (const [page, files, most] of [
  ['chat', assets, 60],
  ['dashboard', openAssets('dashboard'), 50],
] as const) {
  test(`every module that one of the ${page} names is there, as JavaScript, and nothing names a package`, () => {
    const open = [`${page}.js`];
    const seen = new Set<string>();
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (seen.has(path)) continue;
      seen.add(path);
      const asset = files.get(path);
      assert.ok(asset, path);
      assert.equal(asset.type, 'text/javascript; charset=utf-8');
      for (const [, from, bare] of asset.body
        .toString()
        .matchAll(/\b(?:import|export)\b[^'"`;()=]*?\bfrom\s*["']([^"'\n]+)["']|^import\s*["']([^"'\n]+)["']/gm)) {
        const target = from ?? bare ?? '';
        assert.match(target, /^\.{1,2}\/.*\.js$/, `${path} imports ${target}`);
        open.push(new URL(target, `http://x/${path}`).pathname.slice(1));
      }
    }
    // What the other page alone needs is not sent.
    assert.ok(seen.size > 25 && seen.size < most, `${seen.size} modules`);
    assert.ok([...seen].some((path) => path.endsWith('/vendor/preact.js')));
  });
}

test('the page and its style', () => {
  const style = /href="\.\/(assets\/[^"]+\.css)"/.exec(text(''))?.[1] ?? '';
  assert.equal(assets.get(style)?.type, 'text/css; charset=utf-8');
  assert.match(assets.get(style)?.cacheControl ?? '', /immutable/);
  assert.equal(assets.get('/')?.cacheControl, 'no-cache');
  assert.match(assets.get('/chat.js')?.etag ?? '', /^"[\w-]{22}"$/);
});

test('no other path leads to a file', () => {
  const version = /assets\/(\w+)\//.exec(text('chat.js'))?.[1] ?? '';
  for (const path of [
    'chat.ts',
    'assets/',
    `assets/${version}`,
    'assets/../chat.js',
    `assets/${version}/../../tsconfig.json`,
    'tsconfig.json',
    '__proto__',
    'assets/element.js',
    `assets/${version}/element.ts`,
    '/../package.json',
    '//chat.js',
  ])
    assert.equal(assets.get(path), null, path);
});
