import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { composer, gone, type Play } from '../stage.ts';

/** The list, logging in, and being refused. */
export function conversations(play: Play): void {
  test(
    'conversations are switched, renamed and deleted',
    play(async ({ fixture, page, open }) => {
      const first = fixture.conversation('First');
      const second = fixture.conversation('Second');
      fixture.append(first.id, 't', { kind: 'notice', level: 'info', text: 'in the first' });
      fixture.append(second.id, 't', { kind: 'notice', level: 'info', text: 'in the second' });
      await open();
      const list = page.getByRole('navigation', { name: 'Conversations' });
      await page.getByText('in the second').waitFor();
      await list.getByRole('button', { name: /^First/ }).click();
      await page.getByText('in the first').waitFor();
      assert.equal(await page.getByText('in the second').count(), 0);
      await open();
      await page.getByText('in the first').waitFor();

      await list.getByRole('button', { name: /^First/ }).hover();
      await list.getByRole('button', { name: 'Rename First' }).click();
      await page.getByLabel('New title').fill('Renamed');
      await page.keyboard.press('Enter');
      await list.getByRole('button', { name: /^Renamed/ }).waitFor();
      assert.deepEqual((await fixture.called(/PATCH/)).body, { title: 'Renamed' });

      await list.getByRole('button', { name: 'Delete Renamed' }).click();
      await list.getByRole('button', { name: 'Keep' }).click();
      assert.ok(!fixture.calls.some((call) => call.method === 'DELETE'));
      await list.getByRole('button', { name: 'Delete Renamed' }).click();
      await list.getByRole('button', { name: 'Delete', exact: true }).click();
      await gone(list.getByRole('button', { name: /^Renamed/ }));
      await page.getByText('in the second').waitFor();

      await page.getByRole('button', { name: 'New conversation' }).first().click();
      await page.getByRole('heading', { name: 'What should change?' }).waitFor();
      await open();
      await page.getByRole('heading', { name: 'What should change?' }).waitFor();
    }),
  );

  test(
    'a token lets in',
    play(async ({ fixture, page, open }) => {
      fixture.token = 'open sesame';
      fixture.session = { ...fixture.session, login: true };
      await open();
      await page.getByLabel('Token').fill('wrong');
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.getByRole('alert').getByText('This token is not valid.').waitFor();
      await page.getByLabel('Token').fill('open sesame');
      await page.keyboard.press('Enter');
      await composer(page).waitFor();
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByLabel('Token').waitFor();
    }),
  );

  test(
    'a service that is away at first is waited for',
    play(async ({ fixture, page, open }) => {
      fixture.conversation('Here again');
      await page.route('**/api/session', (route) => route.abort(), { times: 1 });
      await open();
      await page.getByText('The chat service cannot be reached').waitFor();
      await page.getByRole('heading', { name: 'Here again' }).waitFor();
    }),
  );
}
