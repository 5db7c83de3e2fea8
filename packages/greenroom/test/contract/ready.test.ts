import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readySentence } from '../../src/main/ready.ts';

const served = { router: { kind: 'caddy', upstream: 'socket' }, api_access: 'all' } as const;
const app = { app: 'shop', apiPort: 9100 };
const live = { commit: 'abcdef0123456789', slot: 'a' };
const api = 'The API listens on http://127.0.0.1:9100.';

test('a start says where visitors get the app: by its port, or by its routes when there are some', () => {
  const ported = { port: 3000, routes: [], ...served };
  const routed = { port: 3000, routes: [{ host: 'shop.example.com' }, { host: 'www.example.com' }], ...served };
  const [first, second] = ['https://shop.example.com/', 'https://www.example.com/'];
  const nothing = 'shop is ready. Nothing is deployed yet, so';
  const deploy = '"greenroom deploy" changes that.';
  assert.equal(readySentence(app, ported, null), `${nothing} port 3000 answers 503: ${deploy} ${api}`);
  assert.equal(readySentence(app, routed, null), `${nothing} ${first}, ${second} answer 503: ${deploy} ${api}`);
  assert.equal(
    readySentence(app, { ...routed, routes: routed.routes.slice(1) }, live),
    `shop is ready at ${second}: abcdef0123 is live in slot a. ${api}`,
  );
  assert.match(readySentence(app, routed, live, { http: 8080, https: 8443 }), /ready at https:\/\/shop\.example\.com:8443\/, https:/);
  assert.equal(readySentence(app, ported, live), `shop is ready on port 3000: abcdef0123 is live in slot a. ${api}`);
  assert.match(readySentence(app, { ...ported, api_access: 'off' }, live), /The API listens on its sockets only\.$/);
});
