import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import type { Fixture } from '../fixture.ts';
import { composer, gone, type Play, read } from '../stage.ts';

/** Nothing is lost and nothing is shown twice, whatever breaks. */
export function connection(play: Play): void {
  test(
    'a service that dies in the middle of a turn, three times',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation();
      await open();
      await composer(page).waitFor();
      let count = 0;
      const say = (): void =>
        void fixture.append(
          id,
          't',
          { kind: 'text', block: 'b', delta: `${count++} ` },
          { kind: 'notice', level: 'info', text: `notice ${count}` },
        );
      for (let round = 0; round < 3; round++) {
        for (let index = 0; index < 20; index++) say();
        await page.locator('.notice', { hasText: new RegExp(`^info: notice ${count}$`) }).waitFor();
        await fixture.cut();
        // Written while nobody is connected.
        for (let index = 0; index < 20; index++) say();
        if (round === 0) await page.getByText('Not connected.').waitFor();
        await fixture.resume();
        await page.locator('.notice', { hasText: new RegExp(`^info: notice ${count}$`) }).waitFor();
      }
      await gone(page.getByText('Not connected.'));
      assert.equal(await read(page, "chat.querySelectorAll('.notice').length <= 120"), true);
      await read(page, "chat.querySelector('.log').scrollTop = 0");
      await page.locator('.markdown').waitFor();
      const words = (await page.locator('.markdown').textContent())?.trim().split(' ').map(Number);
      assert.deepEqual(
        words,
        Array.from({ length: count }, (_, index) => index),
      );
    }),
  );

  test(
    'a message whose answer is lost is sent again under its id and shown once',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation();
      await open();
      fixture.loseNextAnswer = true;
      await send(page, 'only once');
      await page.locator('.under').getByText('waits for its turn').waitFor();
      // Another message makes sure that the first one was dealt with, by retry or by its event.
      await send(page, 'the second');
      await page.locator('.bubble', { hasText: 'the second' }).waitFor();
      await gone(page.getByText('Sending…'));
      const posted = fixture.calls.filter((call) => call.body['text'] === 'only once');
      assert.equal(new Set(posted.map((call) => call.body['id'])).size, 1);
      assert.equal(fixture.events(id).filter((event) => event.kind === 'message').length, 2);
      assert.equal(await page.locator('.bubble').count(), 2);
    }),
  );

  test(
    'a message that was written without a connection arrives, over a reload too',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation();
      fixture.append(id, 't', { kind: 'notice', level: 'info', text: 'here' });
      await open();
      await page.getByText('here', { exact: true }).waitFor();
      await fixture.cut();
      await send(page, 'kept');
      await page.getByText(/Not sent\. The chat service does not answer/).waitFor();
      await fixture.resume();
      await open();
      await gone(page.getByText(/Not sent|Sending/));
      await page.locator('.bubble', { hasText: 'kept' }).waitFor();
      assert.equal(messages(fixture, id).join(), 'kept');
    }),
  );

  test(
    'a refused message says why, and can be sent again or taken back',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation();
      await open();
      fixture.refuseNext = { status: 409, refusal: { code: 'conflict', error: 'The agent is not set up.' } };
      await send(page, 'please');
      await page.getByText('Not sent. The agent is not set up.').waitFor();
      assert.deepEqual(messages(fixture, id), []);
      await page.getByRole('button', { name: 'Try again' }).click();
      await gone(page.getByText('Not sent.'));
      await gone(page.getByText('Sending…'));
      assert.deepEqual(messages(fixture, id), ['please']);
      fixture.refuseNext = { status: 413, refusal: { code: 'too_large', error: 'Too long.' } };
      await send(page, 'too much');
      await page.getByRole('button', { name: 'Take back' }).click();
      await gone(page.locator('.bubble', { hasText: 'too much' }));
      assert.equal(await composer(page).inputValue(), 'too much');
    }),
  );

  test(
    'a tab that nobody sees gives its connection back, and catches up when it is seen',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation();
      await page.clock.install();
      await open();
      await page.getByText('is live, healthy').waitFor();
      const see = (hidden: boolean): Promise<void> =>
        page.evaluate((now) => {
          Object.defineProperty(document, 'hidden', { configurable: true, get: () => now });
          document.dispatchEvent(new Event('visibilitychange'));
        }, hidden);
      assert.equal(fixture.streams(), 1);
      const left = fixture.left();
      await see(true);
      await page.clock.fastForward(61_000);
      await left;
      fixture.append(id, 't', { kind: 'notice', level: 'info', text: 'meanwhile' });
      await see(false);
      await page.locator('.notice', { hasText: 'meanwhile' }).waitFor();
      assert.equal(fixture.streams(), 1);
    }),
  );

  test(
    'drafts survive a reload, each with its conversation',
    play(async ({ fixture, page, open }) => {
      fixture.conversation('Older');
      fixture.conversation('Newer');
      await open();
      await composer(page).fill('half a thought');
      await page.getByRole('button', { name: /^Older/ }).click();
      assert.equal(await composer(page).inputValue(), '');
      await composer(page).fill('another');
      await open();
      await page.getByRole('heading', { name: 'Older' }).waitFor();
      assert.equal(await composer(page).inputValue(), 'another');
      await page.getByRole('button', { name: /^Newer/ }).click();
      await page.getByRole('heading', { name: 'Newer' }).waitFor();
      assert.equal(await composer(page).inputValue(), 'half a thought');
    }),
  );

  test(
    'a new version of the page is announced and loaded only when wanted',
    play(async ({ fixture, page, open }) => {
      fixture.pages.set(
        '/',
        '<!doctype html><html lang="en"><title>App</title><greenroom-chat></greenroom-chat><script type="module" src="/.greenroom/chat.js"></script>',
      );
      fixture.conversation();
      await open('/');
      await page.getByText('is live, healthy').waitFor();
      await composer(page).fill('typed');
      await page.evaluate("window.mark = 'first'");
      fixture.setState({
        app: { live_commit: 'ffff000011112222333344445555666677778888', healthy: true, deploying: '', previous_commit: '', frozen: false },
      });
      await page.getByText('A new version of this page is live.').waitFor();
      assert.equal(await page.evaluate('window.mark'), 'first');
      await page.getByRole('button', { name: 'Reload' }).click();
      await page.waitForFunction('window.mark === undefined');
      await page.getByText('is live, healthy').waitFor();
      assert.equal(await composer(page).inputValue(), 'typed');
      assert.equal(await page.getByText('A new version of this page').count(), 0);

      // With the attribute it loads by itself, but for a draft.
      await read(page, "document.querySelector('greenroom-chat').setAttribute('auto-reload', '')");
      await page.evaluate("window.mark = 'second'");
      fixture.setState({
        app: { live_commit: '9999000011112222333344445555666677778888', healthy: true, deploying: '', previous_commit: '', frozen: false },
      });
      await page.getByText('A new version of this page is live.').waitFor();
      assert.equal(await page.evaluate('window.mark'), 'second');
      await composer(page).fill('');
      await page.waitForFunction('window.mark === undefined');
    }),
  );
}

async function send(page: Page, text: string): Promise<void> {
  await composer(page).fill(text);
  await composer(page).press('Enter');
}

function messages(fixture: Fixture, id: string): string[] {
  return fixture.events(id).flatMap((event) => (event.kind === 'message' ? [event.text] : []));
}
