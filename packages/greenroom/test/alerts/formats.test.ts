import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import type { Alert } from '../../src/orchestrator/core/alert.ts';
import { DISCORD_EXECUTE_WEBHOOK, NTFY_PUBLISH, SLACK_INCOMING_WEBHOOK } from './schemas.ts';
import { alert, type Received, receiver, rig } from './support.ts';

/** What a hostile or unlucky commit could put into an alert. */
const NASTY = [
  '<!channel> <@U123> @everyone @here <https://evil.example|click> & *bold* _it_ ~no~ `x`',
  '``` end of block ``` [link](https://evil.example) # heading > quote || spoiler ||',
  '\u001b[31mred\u001b[0m \u0007bell \u202egnp.exe\u2066 \u0000nul \ud800 lone \ufeff',
].join('\n');
const LONG = `${'ab<&@`*\n'.repeat(5_000)}👩‍👩‍👧‍👧`;

const cases: [name: string, changes: Partial<Alert>][] = [
  ['a common one', {}],
  ['no detail', { detail: '' }],
  ['resolved', { resolved: true }],
  ['nasty', { title: NASTY, detail: NASTY }],
  ['long', { title: LONG, detail: LONG, severity: 'critical' }],
];

async function sent(t: TestContext, type: string, changes: Partial<Alert>, path = '/T/B/x'): Promise<Received> {
  const service = await receiver(t);
  const { alerts } = await rig(t, { contract: { alert_targets: [{ type, url: `${service.url}${path}` }] } });
  if (changes.resolved) alerts.send(alert({ title: 'opened' }));
  alerts.send(alert(changes));
  const received = (await service.until(changes.resolved ? 2 : 1)).at(-1);
  assert.ok(received);
  return received;
}

function validate(schema: object, body: unknown): void {
  const ajv = new Ajv({ strict: true, allErrors: true, strictRequired: false });
  addFormats.default(ajv);
  const valid = ajv.validate(schema, body);
  assert.ok(valid, `${ajv.errorsText()}\n${JSON.stringify(body).slice(0, 2_000)}`);
}

/** Controls but for line feeds, marks that reorder text, and halves of characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there
const UNSAFE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/u;

for (const [name, changes] of cases) {
  test(`Slack takes it: ${name}`, async (t) => {
    const { body } = await sent(t, 'slack', changes);
    validate(SLACK_INCOMING_WEBHOOK, body);
    const text = String(body['text']);
    // Only escaped brackets: no mention, link or command can come about; and no service that knows @channel sees one.
    assert.doesNotMatch(text, /[<>]|&(?!amp;|lt;|gt;)|@\w/);
    assert.doesNotMatch(text, UNSAFE);
    const blocks = body['blocks'] as { type: string; text?: { type: string }; elements?: { type: string }[] }[];
    for (const it of blocks.flatMap((block) => [block.text, ...(block.elements ?? [])])) if (it) assert.equal(it.type, 'plain_text');
  });

  test(`Discord takes it: ${name}`, async (t) => {
    const { body, path } = await sent(t, 'discord', changes, '/api/webhooks/1/x?thread_id=7');
    validate(DISCORD_EXECUTE_WEBHOOK, body);
    assert.equal(path, '/api/webhooks/1/x?thread_id=7&wait=true');
    assert.deepEqual(body['allowed_mentions'], { parse: [] });
    const [embed] = body['embeds'] as { description: string; footer: { text: string } }[];
    assert.ok(embed && embed.description.length + embed.footer.text.length <= 6_000);
    assert.equal(embed.description.split('```').length, changes.detail === '' ? 1 : 3, 'only the block itself may open and close');
    assert.doesNotMatch(String(body['content']).replace(/\\./gs, ''), /[*_~`|>#[\]()<@]/, 'formatting is escaped');
    assert.doesNotMatch(`${embed.description}${body['content']}`, UNSAFE);
  });

  test(`ntfy takes it: ${name}`, async (t) => {
    const { body, path } = await sent(t, 'ntfy', changes, '/my-topic');
    validate(NTFY_PUBLISH, body);
    assert.deepEqual([path, body['topic']], ['/', 'my-topic']);
    assert.ok(Buffer.byteLength(String(body['message'])) <= 4_096);
    assert.ok(Buffer.byteLength(JSON.stringify(body)) <= 8_192);
    assert.doesNotMatch(`${body['title']}${body['message']}`, UNSAFE);
  });

  test(`a webhook gets JSON that says everything: ${name}`, async (t) => {
    const { body, headers } = await sent(t, 'webhook', changes);
    assert.deepEqual(Object.keys(body), ['id', 'app', 'host', 'key', 'kind', 'severity', 'status', 'title', 'detail', 'time']);
    assert.deepEqual([body['app'], body['host'], body['key']], ['shop', 'web1', 'disk']);
    assert.equal(body['status'], changes.resolved ? 'resolved' : 'firing');
    assert.equal(headers['idempotency-key'], body['id']);
    assert.ok(String(body['detail']).length <= 16_000);
    assert.doesNotMatch(`${body['title']}${body['detail']}`, UNSAFE);
  });
}

test('what people read is what was said', async (t) => {
  const { body } = await sent(t, 'slack', { title: 'a < b & c', detail: 'one\ntwo' });
  assert.equal(body['text'], '⚠️ shop: Warning: a &lt; b &amp; c\none\ntwo');
  const blocks = body['blocks'] as { text: { text: string } }[];
  assert.deepEqual(
    blocks.slice(0, 2).map((it) => it.text.text),
    ['⚠️ shop: Warning: a < b & c', 'one\ntwo'],
  );
});
