import assert from 'node:assert/strict';
import { test } from 'node:test';
import { targetsOf } from '../../src/orchestrator/adapters/alerts/targets.ts';
import { parseContract } from '../../src/orchestrator/core/contract-parse.ts';
import { formatProblem } from '../../src/orchestrator/core/contract-problems.ts';
import { contractOf, LEAST } from './support.ts';

for (const [url, name] of [
  ['https://hooks.slack.com/services/T/B/x', 'slack (hooks.slack.com)'],
  ['https://hooks.slack-gov.com/services/T/B/x', 'slack (hooks.slack-gov.com)'],
  ['https://discord.com/api/webhooks/1/x', 'discord (discord.com)'],
  ['https://canary.discordapp.com/api/webhooks/1/x', 'discord (canary.discordapp.com)'],
  ['https://discord.com/api/webhooks/1/x/slack', 'slack (discord.com)'],
  ['https://ntfy.sh/topic', 'ntfy (ntfy.sh)'],
  ['https://alerts.example.com/hooks.slack.com', 'webhook (alerts.example.com)'],
  ['https://evil-discord.com/api/webhooks/1/x', 'webhook (evil-discord.com)'],
] as const) {
  test(`alert_webhook ${url} is ${name}`, () => {
    assert.deepEqual(
      targetsOf(contractOf({ alert_webhook: url })).map((it) => it.name),
      [name],
    );
  });
}

test('every target has an id that stays, says nothing of its secret, and differs from the others', () => {
  const contract = contractOf({
    alert_webhook: 'https://hooks.slack.com/services/T/B/x',
    alert_targets: [
      { type: 'slack', url: 'https://hooks.slack.com/services/T/B/x' },
      { type: 'slack', url_env: 'SLACK' },
      { type: 'email', to: 'ops@example.com' },
      { type: 'email', to: ['ops@example.com', 'dev@example.com'], url: 'smtp://localhost' },
    ],
  });
  const targets = targetsOf(contract);
  assert.deepEqual(
    targets.map((it) => it.name),
    ['slack (hooks.slack.com)', 'slack (SLACK)', 'email (ops@example.com)', 'email (ops@example.com, dev@example.com)'],
    'the one that is there twice counts once',
  );
  assert.equal(new Set(targets.map((it) => it.id)).size, 4);
  assert.deepEqual(targetsOf(contract), targets);
  assert.deepEqual([targets[2]?.urlVariable, targets[2]?.from], ['GREENROOM_SMTP_URL', 'ops@example.com']);
});

const refusals: [target: object, sentence: string][] = [
  [{ type: 'pager', url: 'https://x.example' }, 'type: "pager" is not allowed; one of "slack", "discord", "ntfy", "webhook", "email".'],
  [{ type: 'slack' }, 'url is missing; a URL, or the name of a variable that holds it in url_env.'],
  [{ type: 'slack', url: 'https://x.example', url_env: 'X' }, 'url_env: "X" is not allowed; left out beside url.'],
  [{ type: 'email', url: 'smtp://localhost' }, 'to is missing; an e-mail address, or a list of them.'],
  [{ type: 'email', to: 'ops' }, 'to: "ops" is not allowed; an e-mail address such as "ops@example.com".'],
  [{ type: 'email', to: 'a@b, c@d' }, 'to: "a@b, c@d" is not allowed; an e-mail address such as "ops@example.com".'],
  [{ type: 'email', to: 'a@b', url: 'https://x' }, 'url: the value (hidden) is not allowed; an smtp:// or smtps:// URL for e-mail.'],
  [{ type: 'slack', url: 'smtp://x' }, 'url: the value (hidden) is not allowed; an http:// or https:// URL for this type.'],
  [
    { type: 'slack', url: 'https://x.example', token_env: 'T' },
    'token_env: the value (hidden) is not allowed; used for "ntfy" and "webhook" only.',
  ],
  [
    { type: 'email', to: 'a@b', url: 'smtp://me:pw@x' },
    'url: the value (hidden) is not allowed; a URL without user and password. Put it into secrets.env and name the variable in url_env.',
  ],
];
for (const [target, sentence] of refusals) {
  test(`refused: ${JSON.stringify(target)}`, () => {
    const parsed = parseContract({ ...LEAST, alert_targets: [target] });
    assert.deepEqual(parsed.ok ? [] : parsed.problems.map(formatProblem), [`alert_targets.0.${sentence}`]);
  });
}
