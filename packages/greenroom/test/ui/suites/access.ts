import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { ADA } from '../fixture.ts';
import { composer, type Play, read, until } from '../stage.ts';
import { STORY, UNDER_WAY } from '../story.ts';

/** Keyboard, screen reader, contrast, small screens. */
export function access(play: Play): void {
  for (const colorScheme of ['light', 'dark'] as const)
    test(
      `axe finds nothing, ${colorScheme}`,
      play(
        async ({ fixture, page, open }) => {
          const { id } = fixture.conversation('A dark mode');
          fixture.conversation('Another one');
          await open();
          await page.getByRole('heading', { name: 'What should change?' }).waitFor();
          await assertAccessible(page, 'welcome');
          fixture.append(id, 't1', ...STORY);
          fixture.append(id, 't2', ...UNDER_WAY);
          fixture.append(
            id,
            't0',
            { kind: 'turn', status: 'interrupted', detail: 'The runner was killed.', uncommitted: ['a.css'] },
            { kind: 'notice', level: 'error', text: 'An error.' },
          );
          const turn = { conversation: id, user: ADA, text: '', created_at: new Date().toISOString() };
          fixture.state.running = { ...turn, id: 't2', status: 'running' };
          fixture.state.queued = [{ ...turn, id: 't3', status: 'queued' }];
          await page.getByRole('button', { name: /^A dark mode/ }).click();
          await page.getByRole('button', { name: 'Stop the agent' }).waitFor();
          await page.getByRole('button', { name: 'Roll back' }).click();
          await page.getByRole('button', { name: 'Deny…' }).click();
          await page.locator('.thought-head').click();
          for (const closed = page.locator('.tool-head[aria-expanded=false]'); (await closed.count()) > 0; ) await closed.first().click();
          fixture.setState({ app: { live_commit: 'ffff00001111', healthy: false, deploying: '', previous_commit: '', frozen: false } });
          await page.getByText('A new version of the app is live.').waitFor();
          await assertAccessible(page, 'story');
          fixture.token = 'x';
          await open();
          await page.getByLabel('Token').waitFor();
          await assertAccessible(page, 'login');
        },
        { colorScheme },
      ),
    );

  test(
    'everything can be done by keyboard',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation('Keys');
      fixture.append(id, 't1', { kind: 'tool', call: 'k', title: 'Read a file', tool: 'read', status: 'completed', input: 'a.txt' });
      fixture.append(id, 't2', ...UNDER_WAY);
      await open();
      await until(page, "chat?.activeElement?.localName === 'textarea'");
      await page.keyboard.type('line one');
      await page.keyboard.press('Shift+Enter');
      await page.keyboard.type('line two');
      await page.keyboard.press('Enter');
      assert.equal((await fixture.called(/messages/)).body['text'], 'line one\nline two');

      const names: string[] = [];
      const focused =
        "(chat.activeElement?.getAttribute('aria-label') || chat.activeElement?.innerText || chat.activeElement?.localName || '').trim().split('\\n')[0]";
      for (let presses = 0; presses < 25 && !names.includes('Read a file'); presses++) {
        await page.keyboard.press('Shift+Tab');
        names.push(await read(page, focused));
      }
      for (const name of ['Deny…', 'Approve', 'Preview', 'Reject', 'Allow once', 'Read a file'])
        assert.ok(names.includes(name), `${name} in ${names.join(' | ')}`);
      assert.ok(await read(page, "getComputedStyle(chat.activeElement).outlineStyle !== 'none'"));
      await page.keyboard.press('Enter');
      await page.getByRole('group', { name: 'Input of the tool' }).waitFor();
      await page.locator('.log').focus();
      await page.keyboard.press('Home');
      await until(page, "chat.querySelector('.log').scrollTop === 0");
    }),
  );

  test(
    'a phone 320 pixels wide, from right to left too',
    play(
      async ({ fixture, page, open }) => {
        const { id } = fixture.conversation('A conversation with quite a long title');
        fixture.append(id, 't1', ...STORY);
        fixture.append(id, 't2', ...UNDER_WAY);
        fixture.pages.set(
          '/',
          '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>App</title><script type="module" src="/.greenroom/chat.js" data-open></script>',
        );
        const fits =
          "(() => { const log = chat.querySelector('.log'); return log.scrollWidth <= log.clientWidth && document.documentElement.scrollWidth <= innerWidth })()";
        await open();
        await page.getByRole('button', { name: 'Approve' }).waitFor();
        assert.ok(await read(page, fits));
        await page.evaluate("document.documentElement.dir = 'rtl'");
        assert.ok(await read(page, fits));
        await page.getByRole('button', { name: 'Conversations' }).click();
        await page.getByRole('button', { name: /^A conversation with/ }).waitFor();
        await page.keyboard.press('Escape');
        await page.getByRole('button', { name: /^A conversation with/ }).waitFor({ state: 'hidden' });
        await page.getByRole('button', { name: 'Conversations' }).click();
        await page.getByRole('button', { name: /^A conversation with/ }).click();
        await page.getByRole('button', { name: 'Approve' }).waitFor();
        await open('/');
        await composer(page).waitFor();
        const panel = await page.getByRole('dialog').boundingBox();
        assert.deepEqual(panel, { x: 0, y: 0, width: 320, height: 600 });
        await page.getByRole('button', { name: 'Close the chat' }).click();
        await page.getByRole('button', { name: 'Chat with the agent' }).waitFor();
      },
      { viewport: { width: 320, height: 600 }, hasTouch: true, isMobile: true },
    ),
  );
}

async function assertAccessible(page: Page, where: string): Promise<void> {
  await page.evaluate(axe.source);
  const found = await page.evaluate<{ id: string; nodes: { html: string; failureSummary: string }[] }[]>(
    'axe.run(document).then((result) => result.violations)',
  );
  const texts = found.flatMap((one) =>
    one.nodes.slice(0, 5).map((node) => `${where}: ${one.id}: ${node.html.slice(0, 200)}\n${node.failureSummary}`),
  );
  assert.equal(texts.join('\n\n'), '');
}
