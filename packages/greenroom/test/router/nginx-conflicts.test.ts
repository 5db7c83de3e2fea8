import assert from 'node:assert/strict';
import test from 'node:test';
import { render } from '../../src/orchestrator/adapters/router/nginx/config.ts';
import { conflictOf } from '../../src/orchestrator/adapters/router/nginx/conflicts.ts';
import { type Header, type NginxSetting, readHeader } from '../../src/orchestrator/adapters/router/nginx/setting.ts';

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
