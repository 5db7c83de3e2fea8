import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Contract } from '../../src/orchestrator/core/contract.ts';
import { addressesOf, portsOf } from '../../src/orchestrator/core/contract-addresses.ts';

type Router = Contract['router'];
const router = (kind: Router['kind']): Router => ({ kind, upstream: 'socket' });
const tls = { certificate: '/c.pem', key: '/k.pem' };
const routes: Contract['routes'] = [
  { host: 'shop.example.com' },
  { host: 'shop.example.com', tls },
  { path: '/shop' },
  { host: 'shop.example.com', port: 8443, tls },
  { host: 'shop.example.com', port: 80 },
];

test('an app without routes is reached on its port, whichever proxy leads to it', () => {
  for (const kind of ['embedded', 'caddy', 'nginx'] as const) {
    assert.deepEqual(addressesOf({ port: 3000, routes: [], router: router(kind) }), ['http://localhost:3000/']);
    const ports = portsOf({ port: 3000, internal_port: 3900, routes: [], router: router(kind) });
    assert.deepEqual(ports, { port: 3000, internal_port: 3900, route_ports: [] });
  }
});

test('routes are told as URLs, without the port that goes without saying', () => {
  for (const kind of ['embedded', 'nginx'] as const) {
    assert.deepEqual(addressesOf({ port: 3000, routes, router: router(kind) }), [
      'http://shop.example.com/',
      'https://shop.example.com/',
      'http://localhost/shop/',
      'https://shop.example.com:8443/',
      'http://shop.example.com/',
    ]);
    assert.deepEqual(portsOf({ port: 3000, routes, router: router(kind) }), { port: 3000, route_ports: [80, 443, 8443] });
  }
});

test('Caddy serves hosts by HTTPS without being told', () => {
  const told: Contract['routes'] = [
    { host: 'shop.example.com' },
    { host: 'shop.example.com', port: 8443 },
    { path: '/shop' },
    { host: 'a.b', port: 80 },
  ];
  assert.deepEqual(addressesOf({ port: 3000, routes: told, router: router('caddy') }), [
    'https://shop.example.com/',
    'https://shop.example.com:8443/',
    'http://localhost/shop/',
    'http://a.b/',
  ]);
  assert.deepEqual(portsOf({ port: 3000, routes: told, router: router('caddy') }).route_ports, [443, 8443, 80]);
});

test("behind a Caddy whose operator chose other ports they are Caddy's, and a wildcard is told as text", () => {
  const told: Contract['routes'] = [
    { host: 'cs.test' },
    { host: 'cs.test', port: 24_180 },
    { path: '/shop' },
    { host: '*.shop.test' },
    { host: '*.shop.test', port: 80 },
  ];
  const caddy = { port: 3000, routes: told, router: router('caddy') };
  assert.deepEqual(addressesOf(caddy, { http: 24_180, https: 24_543 }), [
    'https://cs.test:24543/',
    'http://cs.test:24180/',
    'http://localhost:24180/shop/',
    '*.shop.test:24543',
    '*.shop.test:80',
  ]);
  assert.deepEqual(addressesOf({ ...caddy, routes: [{ host: '*.shop.test' }] }), ['*.shop.test']);
});
