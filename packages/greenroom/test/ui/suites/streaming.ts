import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { ADA } from '../fixture.ts';
import { composer, gone, type Play, read, until } from '../stage.ts';
import { attempt } from '../story.ts';

/** From a message to what comes of it. */
export function streaming(play: Play): void {
  test(
    'the first message makes a conversation, and its turn is shown as it goes',
    play(async ({ fixture, page, open }) => {
      await open();
      await page.getByRole('heading', { name: 'What should change?' }).waitFor();
      await composer(page).fill('Make it green');
      await composer(page).press('Enter');
      const { path, body } = await fixture.called(/POST conversations\/.*messages/);
      assert.equal(body['text'], 'Make it green');
      assert.ok(String(body['id']).length >= 16);
      const id = path.split('/')[1] ?? '';
      assert.equal(fixture.calls[0]?.body['title'], 'Make it green');
      await gone(page.getByText('Sending…'));
      assert.equal(await page.locator('.bubble').count(), 1);
      assert.equal(await composer(page).inputValue(), '');

      const turn = fixture.events(id)[0]?.turn ?? '';
      fixture.append(id, turn, { kind: 'turn', status: 'running', detail: '', agent: 'OpenCode 1.18', session: 'new' });
      fixture.setState({
        running: { id: turn, conversation: id, status: 'running', user: ADA, text: 'Make it green', created_at: new Date().toISOString() },
      });
      await page.locator('.working').waitFor();
      fixture.append(id, turn, { kind: 'tool', call: 'k', title: 'Edit style.css', tool: 'edit', status: 'in_progress' });
      await page.getByRole('button', { name: /Edit style\.css.*running/ }).waitFor();
      fixture.append(id, turn, {
        kind: 'tool',
        call: 'k',
        status: 'completed',
        content: [{ type: 'diff', path: 'style.css', change: 'changed', diff: '@@ -1 +1 @@\n-a\n+b', added: 1, removed: 1 }],
      });
      await page.getByRole('button', { name: /Edit style\.css.*done/ }).click();
      await page.getByRole('group', { name: 'Changes of the file' }).getByText('+b').waitFor();
      fixture.append(
        id,
        turn,
        { kind: 'text', block: 'b', delta: 'It is **green** now.' },
        { kind: 'turn', status: 'completed', detail: '' },
      );
      fixture.setState({ running: null });
      await page.locator('.markdown strong', { hasText: 'green' }).waitFor();
      await gone(page.locator('.working'));
      assert.match((await page.locator('[aria-live=polite]').textContent()) ?? '', /The agent is done\. It is \*\*green\*\* now\./);
    }),
  );

  test(
    'text that grows is drawn again only in its last block',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation();
      fixture.append(id, 't', { kind: 'text', block: 'b', delta: 'First paragraph.\n\n- one\n' });
      await open();
      await page.getByText('one', { exact: true }).waitFor();
      await read(page, "chat.querySelector('.markdown p').dataset.mark = 'same'");
      for (const delta of ['- two\n\n', '```js\nlet x', ' = 1;\n```\n\nLa', 'st **one**'])
        fixture.append(id, 't', { kind: 'text', block: 'b', delta });
      await page.locator('.markdown strong').waitFor();
      assert.equal(await read(page, "chat.querySelector('.markdown p').dataset.mark"), 'same');
      assert.equal(await page.locator('.markdown li').count(), 2);
      assert.equal(await page.locator('.markdown ul').count(), 1);
      assert.equal(await page.locator('.markdown pre').textContent(), 'let x = 1;');
    }),
  );

  test(
    'a deploy is shown step by step, and a late old version changes nothing',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation();
      await open();
      await until(page, "chat?.querySelector('textarea')");
      const at = (seq: number, step: 'gate' | 'probe'): void =>
        void fixture.append(id, 't', {
          kind: 'attempt',
          journal_seq: seq,
          attempt: attempt({ status: 'running' }, { step, status: 'running' }),
        });
      at(3, 'gate');
      await page.locator('.steps .running', { hasText: 'gate' }).waitFor();
      at(5, 'probe');
      await page.locator('.steps .running', { hasText: 'probe' }).waitFor();
      at(4, 'gate');
      fixture.append(id, 't', { kind: 'notice', level: 'info', text: 'after it' });
      await page.getByText('after it').first().waitFor();
      assert.equal(
        await page.locator('.steps .running').textContent(),
        await page.locator('.steps .running', { hasText: 'probe' }).textContent(),
      );
      assert.equal(await page.locator('.steps li').count(), 9);
      fixture.append(id, 't', { kind: 'attempt', journal_seq: 9, attempt: attempt() });
      await page.locator('.chip', { hasText: 'Live' }).waitFor();
      assert.equal(await page.locator('.attempt').count(), 1);
    }),
  );

  test(
    'the log follows its end until the reader scrolls up',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation();
      const say = (index: number): void =>
        void fixture.append(id, 't', { kind: 'text', block: `b${index}`, delta: `Paragraph ${index}. ${'word '.repeat(60)}` });
      for (let index = 0; index < 30; index++) say(index);
      await open();
      const atEnd = "(() => { const log = chat.querySelector('.log'); return log.scrollHeight - log.clientHeight - log.scrollTop < 2 })()";
      await page.getByText('Paragraph 29.').waitFor();
      await until(page, atEnd);
      say(30);
      await page.getByText('Paragraph 30.').waitFor();
      await until(page, atEnd);
      await page.locator('.log').hover();
      await page.mouse.wheel(0, -600);
      await page.getByRole('button', { name: 'Jump to latest' }).waitFor();
      const before = await read<number>(page, "chat.querySelector('.log').scrollTop");
      say(31);
      await page.getByText('Paragraph 31.').waitFor();
      assert.equal(await read<number>(page, "chat.querySelector('.log').scrollTop"), before);
      await page.getByRole('button', { name: 'Jump to latest' }).click();
      await until(page, atEnd);
      await gone(page.getByRole('button', { name: 'Jump to latest' }));
    }),
  );
}
