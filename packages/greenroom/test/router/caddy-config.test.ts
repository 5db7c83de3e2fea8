import assert from 'node:assert/strict';
import test from 'node:test';
import { arrange } from '../../src/orchestrator/adapters/router/caddy/arrange.ts';
import { type JsonObject, listAt, objectAt } from '../../src/orchestrator/adapters/router/caddy/json.ts';
import { idOf, type WantedRoute } from '../../src/orchestrator/adapters/router/caddy/own-route.ts';
import { wantedRoutes } from '../../src/orchestrator/adapters/router/caddy/routes.ts';
import type { Served } from '../../src/orchestrator/adapters/router/served.ts';

const NOTHING = { target: null };
const PLAIN = { streamCloseDelay: false };

function routesOf(app: string, routes: Served['routes'], port = 3000): WantedRoute[] {
  return wantedRoutes({ app, port, routes, trustedProxies: [] }, NOTHING, PLAIN, {});
}

function arranged(servers: JsonObject, app: string, wanted: WantedRoute[]): JsonObject {
  const result = arrange(servers, app, wanted);
  assert.ok(result.ok, JSON.stringify(result));
  return result.servers;
}

const apps: [string, WantedRoute[]][] = [
  ['rest', routesOf('rest', [{ host: '*.example.com' }, { path: '/all', port: 443 }], 3001)],
  ['shop', routesOf('shop', [{ host: 'www.example.com', path: '/shop' }, { host: 'shop.example.com' }], 3002)],
  ['deep', routesOf('deep', [{ host: 'www.example.com', path: '/shop/deep' }], 3003)],
  ['www', routesOf('www', [{ host: 'www.example.com' }], 3004)],
];

test('the order of routes does not depend on who came first, and nothing changes at a second look', () => {
  const orders = [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [2, 0, 3, 1],
  ];
  const results = orders.map((order) => {
    let servers: JsonObject = {};
    for (const index of order) {
      const [app, wanted] = apps[index] ?? assert.fail();
      servers = arranged(servers, app, wanted);
    }
    for (const [app, wanted] of apps) assert.deepEqual(arranged(servers, app, wanted), servers);
    return servers;
  });
  for (const result of results) assert.deepEqual(result, results[0]);
  const ids = listAt(objectAt(results[0], 'greenroom-443'), 'routes').map(idOf);
  assert.deepEqual(ids, [
    'greenroom-deep:443.1',
    'greenroom-shop:443.1',
    'greenroom-shop:443.2',
    'greenroom-www:443.1',
    'greenroom-rest:443.1',
    'greenroom-rest:443.2',
    'greenroom-unmatched:443',
  ]);
  let left = results[0] ?? {};
  for (const [app] of apps) left = arranged(left, app, []);
  assert.deepEqual(left, {});
});

test('the server that listens on a port is found by whatever address', () => {
  for (const address of [':443', '127.0.0.1:443', '[::1]:443', 'tcp/:443', ':440-450']) {
    const servers = arranged({ srv0: { listen: [address], routes: [] } }, 'www', routesOf('www', [{ host: 'www.example.com' }]));
    assert.equal(listAt(objectAt(servers, 'srv0'), 'routes').length, 1, address);
  }
  for (const address of [':8443', ':1443', 'unix//run/x:443', ':444-450']) {
    const servers = arranged({ srv0: { listen: [address], routes: [] } }, 'www', routesOf('www', [{ host: 'www.example.com' }]));
    assert.equal(listAt(objectAt(servers, 'srv0'), 'routes').length, 0, address);
  }
});

test('a Caddy that can is asked to keep streams over a change', () => {
  const text = (streamCloseDelay: boolean): string =>
    JSON.stringify(
      wantedRoutes(
        { app: 'shop', port: 3000, routes: [], trustedProxies: [] },
        { target: { instance: 'i1', host: '::1', port: 4000, internalPort: 0 } },
        { streamCloseDelay },
        {},
      ),
    );
  assert.match(text(true), /"dial":"\[::1\]:4000".*"stream_close_delay":300000000000/);
  assert.doesNotMatch(text(false), /stream_close_delay/);
});
