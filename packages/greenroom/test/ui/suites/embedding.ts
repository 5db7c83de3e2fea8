import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { composer, gone, type Play, read } from '../stage.ts';

const page0 = (body: string, attributes = ''): string =>
  `<!doctype html><html lang="en"><head><title>App</title><link rel="icon" href="data:,"></head><body><h1>App</h1>${body}<script type="module" src="/.greenroom/chat.js"${attributes}></script></body></html>`;

/** The chat in pages of others. */
export function embedding(play: Play): void {
  test(
    'one script tag makes a floating button, which remembers that it was open',
    play(async ({ fixture, page, open }) => {
      fixture.pages.set('/', page0('', ' data-position="left" data-heading="Helper" data-placeholder="Say it"'));
      const { id } = fixture.conversation();
      fixture.append(id, 't', { kind: 'notice', level: 'info', text: 'hello' });
      await open('/');
      const button = page.getByRole('button', { name: 'Chat with the agent' });
      await button.waitFor();
      assert.equal(await page.locator('greenroom-chat').count(), 0);
      assert.equal(fixture.streams(), 0);
      await button.click();
      await page.getByText('hello').waitFor();
      await page.getByRole('heading', { name: 'Helper' }).waitFor();
      assert.equal(await composer(page).getAttribute('placeholder'), 'Say it');
      await page.waitForFunction(
        "document.querySelector('greenroom-launcher').shadowRoot.querySelector('greenroom-chat').shadowRoot.activeElement?.localName === 'textarea'",
      );
      const box = await page.getByRole('dialog').boundingBox();
      assert.ok(box && box.x < 40);
      await open('/');
      await page.getByText('hello').waitFor();
      await composer(page).press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
      await page.waitForFunction("document.querySelector('greenroom-launcher').shadowRoot.activeElement?.className === 'launcher'");
      await open('/');
      await button.waitFor();
      assert.equal(await page.getByRole('dialog').count(), 0);
    }),
  );

  test(
    'a strict content security policy, no globals, and elements that do not mix',
    play(async ({ fixture, page, open }) => {
      fixture.headers = {
        'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:",
      };
      const one = fixture.conversation('One');
      const two = fixture.conversation('Two');
      fixture.append(one.id, 't', { kind: 'text', block: 'b', delta: 'in **one**\n\n```\ncode\n```' });
      fixture.append(two.id, 't', { kind: 'text', block: 'b', delta: 'in **two**' });
      fixture.pages.set(
        '/',
        page0(
          `<greenroom-chat id="a" conversation="${one.id}"></greenroom-chat><greenroom-chat id="b" endpoint="/.greenroom/" theme="dark" conversation="${two.id}"></greenroom-chat>`,
        ),
      );
      await open('/');
      const [a, b] = [page.locator('#a'), page.locator('#b')];
      await a.getByText('in one').waitFor();
      await b.getByText('in two').waitFor();
      assert.equal(await page.locator('greenroom-launcher').count(), 0);
      await a.getByRole('textbox').fill('for a');
      assert.equal(await b.getByRole('textbox').inputValue(), '');
      const scheme = (id: string): Promise<string> => page.evaluate(`getComputedStyle(document.getElementById('${id}')).colorScheme`);
      assert.deepEqual([await scheme('a'), await scheme('b')], ['light dark', 'dark']);
      const globals = 'Object.keys(window).filter((name) => /preact|htm|marked|purify|greenroom/i.test(name))';
      assert.deepEqual(await page.evaluate(globals), []);
      // Styles cross the border in neither direction.
      assert.equal(await page.evaluate("getComputedStyle(document.querySelector('h1')).display"), 'block');
      assert.ok(await read<number>(page, 'chat.adoptedStyleSheets.length'));
    }),
  );

  test(
    'an element that is taken away ends its stream, and comes back',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation();
      fixture.append(id, 't', { kind: 'notice', level: 'info', text: 'hello' });
      fixture.pages.set('/', page0('<greenroom-chat></greenroom-chat>'));
      await open('/');
      await page.getByText('is live, healthy').waitFor();
      await page.evaluate("window.kept = document.querySelector('greenroom-chat'); window.kept.remove()");
      await gone(page.getByText('hello'));
      await page.evaluate('document.body.append(window.kept)');
      await page.getByText('is live, healthy').waitFor();
      await page.getByText('hello').waitFor();
    }),
  );
}
