/**
 * The smoke test that Greenroom runs against a version before it goes live: what a visitor needs most, and nothing that leaves a trace.
 * Exits with 1 and a sentence when something is wrong.
 */
const base = process.env['GREENROOM_URL'] ?? `http://127.0.0.1:${process.env['PORT'] ?? 3001}`;

const page = await fetch(base);
const text = await page.text();
expect(page.status === 200, `the page answered ${page.status}`);
expect(text.includes('<form method="post" action="/messages">'), 'the page has no form to sign the guestbook with');

const list = await fetch(`${base}/api/messages`);
const body = (await list.json()) as { messages?: unknown };
expect(Array.isArray(body.messages), 'the list of messages is not a list');

const forged = await fetch(`${base}/messages`, { method: 'POST', body: new URLSearchParams({ author: 'nobody', text: 'forged' }) });
expect(forged.status === 403, `a form without its token was answered with ${forged.status} instead of 403`);
console.log('smoke test passed: page, form, list, and a forged form is refused');

function expect(holds: boolean, problem: string): void {
  if (holds) return;
  console.error(`smoke test failed at ${base}: ${problem}`);
  process.exit(1);
}
