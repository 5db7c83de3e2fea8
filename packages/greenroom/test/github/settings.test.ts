import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseRemoteUrl, servesHost } from '../../src/orchestrator/adapters/github/repository.ts';
import { readGitHubSettings } from '../../src/orchestrator/adapters/github/settings.ts';
import { readWebhookSettings } from '../../src/orchestrator/adapters/github/webhook-settings.ts';
import { temporaryFolder } from './rig.ts';

const REMOTE = 'git@github.com:acme/shop.git';
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();

test('owner and name are read from every form of remote', () => {
  const shop = { owner: 'acme', name: 'shop' };
  for (const [remote, host] of [
    ['https://github.com/acme/shop.git', 'github.com'],
    ['https://user:secret@GitHub.com/acme/shop/', 'github.com'],
    ['git@github.com:acme/shop.git', 'github.com'],
    ['git@github.com:/acme/shop', 'github.com'],
    ['ssh://git@ssh.github.com:443/acme/shop.git', 'ssh.github.com'],
    ['git+ssh://git@git.corp.example/acme/shop', 'git.corp.example'],
    ['http://git.corp.example:8080/acme/shop', 'git.corp.example'],
  ] as const) {
    assert.deepEqual(parseRemoteUrl(remote), { host, ...shop }, remote);
  }
  assert.deepEqual(parseRemoteUrl('https://github.com/a-b/c.d_e.git'), { host: 'github.com', owner: 'a-b', name: 'c.d_e' });
  const none = [
    '/srv/shop.git',
    '../shop',
    'C:/shop',
    'https://github.com/acme',
    'https://gitlab.example/group/sub/shop',
    'git@host:acme/..',
    '',
  ];
  for (const remote of none) assert.equal(parseRemoteUrl(remote), undefined, remote);
});

test('an API speaks for its own hosts only', () => {
  const gitHub = 'https://api.github.com';
  for (const host of ['github.com', 'www.github.com', 'ssh.github.com']) assert.ok(servesHost(gitHub, host), host);
  for (const host of ['gitlab.com', 'github.com.evil.example', 'notgithub.com']) assert.ok(!servesHost(gitHub, host), host);
  assert.ok(servesHost('https://git.corp.example/api/v3', 'git.corp.example'));
  assert.ok(servesHost('https://api.acme.ghe.com', 'acme.ghe.com'));
});

test('nothing is configured, or the repository is elsewhere: GitHub is off', async () => {
  assert.deepEqual(await readGitHubSettings({}, REMOTE), { ok: true, settings: null, note: '' });
  const elsewhere = await readGitHubSettings({ GITHUB_TOKEN: 'ghp_x' }, '/srv/shop.git');
  assert.ok(elsewhere.ok);
  assert.equal(elsewhere.settings, null);
  assert.match(elsewhere.note, /the repository is not on api\.github\.com: nothing is posted/);
});

test('token, app, enterprise server and names come out as they were set', async (t) => {
  const token = await readGitHubSettings({ GITHUB_TOKEN: ' ghp_x ', GITHUB_ENVIRONMENT: 'staging' }, REMOTE);
  assert.deepEqual(token, {
    ok: true,
    note: '',
    settings: {
      apiUrl: 'https://api.github.com',
      repository: { owner: 'acme', name: 'shop' },
      credentials: { type: 'token', token: 'ghp_x' },
      environment: 'staging',
      logUrl: '',
      ownsRemote: true,
    },
  });
  const file = join(temporaryFolder(t), 'key.pem');
  writeFileSync(file, PEM, { mode: 0o600 });
  const env = { GITHUB_APP_ID: '7', GITHUB_APP_PRIVATE_KEY_FILE: file, GITHUB_API_URL: 'https://git.corp.example/api/v3/' };
  const app = await readGitHubSettings({ ...env, GITHUB_APP_INSTALLATION_ID: '9' }, 'git@git.corp.example:acme/shop');
  assert.ok(app.ok);
  assert.equal(app.settings?.apiUrl, 'https://git.corp.example/api/v3');
  assert.deepEqual(app.settings?.credentials, { type: 'app', appId: '7', privateKey: PEM.trim(), installationId: 9 });
  const named = await readGitHubSettings({ GITHUB_TOKEN: 'ghp_x', GITHUB_REPOSITORY: 'acme/other' }, '/srv/shop.git');
  assert.deepEqual(named.ok && named.settings?.repository, { owner: 'acme', name: 'other' });
  assert.equal(named.ok && named.settings?.ownsRemote, false);
  const oneLine = await readGitHubSettings({ GITHUB_APP_ID: '7', GITHUB_APP_PRIVATE_KEY: PEM.replaceAll('\n', '\\n') }, REMOTE);
  assert.ok(oneLine.ok, JSON.stringify(oneLine));
});

test('what is wrong is said in words, without any secret', async (t) => {
  const folder = temporaryFolder(t);
  const open = join(folder, 'open');
  writeFileSync(open, 'ghp_secret', { mode: 0o644 });
  const empty = join(folder, 'empty');
  writeFileSync(empty, '', { mode: 0o600 });
  for (const [env, expected] of [
    [{ GITHUB_TOKEN_FILE: open }, /can be read by others than its owner\. Run: chmod 600/],
    [{ GITHUB_TOKEN_FILE: empty }, /is empty/],
    [{ GITHUB_TOKEN_FILE: join(folder, 'gone') }, /cannot be read: ENOENT/],
    [{ GITHUB_TOKEN: 'ghp_secret', GITHUB_API_URL: 'http://git.corp.example' }, /has to be an https:\/\/ URL/],
    [{ GITHUB_TOKEN: 'ghp_secret', GITHUB_API_URL: 'nonsense' }, /has to be an https:\/\/ URL/],
    [{ GITHUB_TOKEN: 'ghp_secret', GITHUB_REPOSITORY: 'shop' }, /has to be "owner\/name"/],
    [{ GITHUB_TOKEN: 'ghp_secret', GITHUB_LOG_URL: 'javascript:alert(1)' }, /GITHUB_LOG_URL/],
    [{ GITHUB_TOKEN: 'ghp_secret', GITHUB_APP_ID: '7', GITHUB_APP_PRIVATE_KEY: PEM }, /leave one of them out/],
    [{ GITHUB_APP_ID: '7' }, /neither GITHUB_APP_PRIVATE_KEY_FILE/],
    [{ GITHUB_APP_PRIVATE_KEY: PEM }, /GITHUB_APP_ID is not/],
    [{ GITHUB_APP_ID: '7', GITHUB_APP_PRIVATE_KEY: 'ghp_secret' }, /not a PEM file/],
    [{ GITHUB_APP_ID: '7', GITHUB_APP_PRIVATE_KEY: PEM, GITHUB_APP_INSTALLATION_ID: 'x' }, /has to be a number/],
  ] as const) {
    const read = await readGitHubSettings(env, REMOTE);
    assert.ok(!read.ok, String(expected));
    assert.match(read.sentences.join('\n'), expected);
    assert.doesNotMatch(read.sentences.join('\n'), /ghp_secret|PRIVATE KEY-----/);
  }
});

test('the webhook listens only with a secret, for the repository of the remote or the one that is named', async () => {
  assert.deepEqual(await readWebhookSettings({}, REMOTE), { ok: true, settings: null });
  const secret = 'x'.repeat(16);
  const env = { GREENROOM_WEBHOOK_SECRET: secret };
  assert.deepEqual(await readWebhookSettings(env, REMOTE), { ok: true, settings: { secret, port: 9200, repository: 'acme/shop' } });
  const grouped = await readWebhookSettings({ ...env, GREENROOM_WEBHOOK_PORT: '9300' }, 'https://gitlab.example/group/sub/shop.git');
  assert.deepEqual(grouped, { ok: true, settings: { secret, port: 9300, repository: 'group/sub/shop' } });
  for (const [more, remote, expected] of [
    [{ GREENROOM_WEBHOOK_SECRET: 'short' }, REMOTE, /at least 16 characters/],
    [{ GREENROOM_WEBHOOK_PORT: 'x' }, REMOTE, /a port from 1 to 65535/],
    [{}, '/srv/shop.git', /set GREENROOM_WEBHOOK_REPOSITORY/],
  ] as const) {
    const read = await readWebhookSettings({ ...env, ...more }, remote);
    assert.ok(!read.ok);
    assert.match(read.sentences.join('\n'), expected);
  }
});
