import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SHORTEST_SECRET } from '../../src/masking/forms.ts';
import { createMask } from '../../src/orchestrator/core/mask.ts';

const random = (length: number): string => Array.from({ length }, (_, index) => 'aB3xY9kL'[index % 8]).join('');

/** Built from pieces, so that no scanner takes this file for a leak. */
const shapes: [name: string, text: string, secret: string][] = [
  ['user and password in a URL', 'at postgres://app:hunter22@db:5432/shop', 'hunter22'],
  ['Slack webhook', `https://hooks.slack.com/services/T1/B2/${random(24)}`, random(24)],
  ['Discord webhook', `https://discord.com/api/webhooks/12345/${random(60)}`, random(60)],
  ['GitHub token', `ghp_${random(36)}`, random(36)],
  ['fine-grained GitHub token', `github_pat_${random(60)}`, random(60)],
  ['Slack token', `xoxb-${random(40)}`, random(40)],
  ['Stripe key', `sk_${'live'}_${random(30)}`, random(30)],
  ['AWS key', `key AKIA${'ABCD1234EFGH5678'} used`, 'ABCD1234EFGH5678'],
  ['JWT', `eyJ${random(20)}.eyJ${random(30)}.${random(40)}`, random(30)],
  ['bearer', `Authorization: Bearer ${random(32)}`, random(32)],
  ['basic', `authorization: Basic ${random(16)}`, random(16)],
  ['assignment', 'DB_PASSWORD=correct-horse', 'correct-horse'],
  ['JSON', '{"api_key": "abc123def", "other": 1}', 'abc123def'],
  ['private key', `-----BEGIN RSA PRIVATE KEY-----\n${random(64)}\n-----END RSA PRIVATE KEY-----`, random(64)],
  ['private key cut off', `-----BEGIN PRIVATE KEY-----\n${random(64)}`, random(64)],
];

for (const [name, text, secret] of shapes) {
  test(`hidden by its looks: ${name}`, () => {
    const masked = createMask([])(`before ${text} after`);
    assert.ok(!masked.includes(secret), masked);
    assert.ok(masked.includes('[hidden]') && masked.startsWith('before '), masked);
    assert.equal(createMask([])(masked), masked, 'masking twice changes nothing');
  });
}

test('what people need to read stays', () => {
  const text = [
    'deploy d-12 failed at probe (health_timeout): GET http://127.0.0.1:4001/healthz: connection refused',
    'basic authentication is off; the token is missing; bearer of bad news',
    'commit 1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d by ops@example.com, see https://example.com/a?b=c',
    'password reset mails are not sent. token expired',
  ].join('\n');
  assert.equal(createMask(['1234', 'on'])(text), text);
});

test('known values are hidden wherever they stand, the longer ones whole', () => {
  const mask = createMask(['hunter22', 'hunter22-and-more', 'line one of it\nline two of it', 'x'.repeat(SHORTEST_SECRET - 1)]);
  assert.equal(mask('a hunter22-and-more b hunter22 c'), 'a [hidden] b [hidden] c');
  assert.equal(mask('> line two of it <'), '> [hidden] <');
  assert.equal(mask('xxxx'), 'xxxx');
  assert.equal(createMask(['$& $1 .*'])('it is $& $1 .* here'), 'it is [hidden] here');
});

test('no text makes it slow', () => {
  const mask = createMask([random(40)]);
  const started = performance.now();
  for (const piece of [
    'a',
    'password=',
    '-----BEGIN PRIVATE KEY-----',
    'eyJa.',
    '://',
    'a.b-c_',
    'token"\t',
    'x://y:',
    'authorization: ',
  ]) {
    mask(piece.repeat(Math.ceil(50_000 / piece.length)));
  }
  assert.ok(performance.now() - started < 3_000, `${performance.now() - started} ms`);
});
