import assert from 'node:assert/strict';
import test from 'node:test';
import { render } from '../../src/orchestrator/adapters/router/nginx/config.ts';
import { conflictOf } from '../../src/orchestrator/adapters/router/nginx/conflicts.ts';
import { type Header, type NginxSetting, readHeader } from '../../src/orchestrator/adapters/router/nginx/setting.ts';
import { conflictWithSites } from '../../src/orchestrator/adapters/router/nginx/sites.ts';

function setting(app: string, port: number, path: string, certificate: string): NginxSetting {
  const routes = [{ host: 'shop.example', port: 1, path, tls: { certificate, key: '/k.pem' } }];
  return { app, port, internalPort: 0, routes, trustedProxies: [], upstream: { by: 'port', target: null, recent: {} } };
}

function headerOf(of: NginxSetting): Header {
  const { files } = render(of, { configDir: '/c', ipv6: false, certificates: '' });
  const header = readHeader(files.get(`${of.app}.conf`) ?? '');
  assert.ok(header);
  return header;
}

test('two apps with two certificates for one host are told of each other', async () => {
  const shop = headerOf(setting('shop', 2, '/shop', '/one.pem'));
  const refused = await conflictOf(setting('admin', 3, '/admin', '/other.pem'), [shop], null, true);
  assert.equal(refused?.code, 'route_taken');
  for (const part of ['"admin"', '"shop"', '/one.pem', '/other.pem']) assert.match(refused?.message ?? '', new RegExp(part));
  const { code } = (await conflictOf(setting('admin', 3, '/shop', '/one.pem'), [shop], null, true)) ?? {};
  assert.equal(code, 'route_taken', 'the same place');
  const twins = [headerOf(setting('shop-0a1b2c3d', 2, '/shop', '/one.pem')), setting('shop-4e5f6a7b', 3, '/shop', '/one.pem')] as const;
  const { message = '' } = (await conflictOf(twins[1], [twins[0]], null, true)) ?? {};
  assert.match(message, /which app "shop" wants, is another app "shop"'s already/);
  const old = { ...shop, routes: shop.routes.map(({ certificate: _, ...route }) => route) };
  for (const other of [shop, old]) {
    const certificate = other === shop ? '/one.pem' : '/other.pem';
    assert.equal(
      await conflictOf(setting('admin', 3, '/admin', certificate), [other], headerOf(setting('admin', 3, '/admin', '')), true),
      null,
    );
  }
});

test('a host is taken by a site of the operator on the same port only, however that is written', () => {
  const shop = setting('shop-0a1b2c3d', 2, '', '/one.pem');
  const { files } = render(shop, { configDir: '/c', ipv6: false, certificates: '' });
  const own = [...files.values()].join('');
  const dump = (text: string): string =>
    `# configuration file /etc/nginx/nginx.conf:\nhttp {\n  include x;\n}\n\n# configuration file /etc/nginx/sites/x:\n${text}\n\n# configuration file /c/shop.conf:\n${own}\n`;
  for (const text of [
    'server { listen 1; server_name shop.example; }',
    'server {\n  # } {\n  location / { return 200 "}"; }\n  server_name a.example "Shop.Example";\n  listen [::1]:1 ssl;\n}',
    "server { server_name .example '.shop.example'; listen 9; listen 127.0.0.1:1 default_server; }",
  ]) {
    const refused = conflictWithSites(shop, dump(text));
    assert.equal(refused?.code, 'route_taken', text);
    assert.match(refused.message, /shop\.example:1, which app "shop" wants, .*, in \/etc\/nginx\/sites\/x: /);
  }
  for (const text of [
    '',
    'server { listen 11; server_name shop.example; }',
    'server { listen unix:/x:1; server_name shop.example; }',
    'server { listen 1; server_name *.example www.shop.example _; } # server { listen 1; server_name shop.example; }',
    'upstream shop.example { server 127.0.0.1:1; }',
  ])
    assert.equal(conflictWithSites(shop, dump(text)), null, text);
});

test('the longest host that there is makes names of files that a disk takes', () => {
  const label = 'a'.repeat(60);
  const hosts = ['x', 'y'].map((last) => `${label}.${label}.${label}.${label}.${'b'.repeat(7)}${last}.`.slice(0, -1));
  const routes = hosts.map((host) => ({ host, port: 65_535 }));
  const { files } = render({ ...setting('shop', 2, '', ''), routes }, { configDir: '/c', ipv6: false, certificates: '' });
  const folders = [...files.keys()].filter((name) => name.startsWith('routes/')).map((name) => name.split('/')[1] ?? '');
  assert.equal(new Set(folders).size, 2, 'each has its own');
  for (const folder of folders) assert.ok(folder.length <= 255, folder);
});
