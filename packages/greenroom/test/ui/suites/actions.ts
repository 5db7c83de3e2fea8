import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { ADA, PREVIOUS } from '../fixture.ts';
import { gone, type Play } from '../stage.ts';
import { attempt, FAILED, UNDER_WAY } from '../story.ts';

/** What people decide in the chat. */
export function actions(play: Play): void {
  test(
    'a permission is answered by its buttons',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation();
      fixture.append(id, 't2', ...UNDER_WAY);
      await open();
      const card = page.getByRole('group', { name: 'The agent asks for permission' });
      await card.waitFor();
      assert.deepEqual(await card.getByRole('button').allInnerTexts(), ['Allow once', 'Always allow', 'Reject']);
      await card.getByRole('button', { name: 'Always allow' }).click();
      const call = await fixture.called(/POST permissions/);
      assert.deepEqual([call.path, call.body], ['permissions/p1', { option: 'always' }]);
      const asked = UNDER_WAY.find((body) => body.kind === 'permission');
      assert.ok(asked?.kind === 'permission');
      fixture.append(id, 't2', { ...asked, status: 'answered', option: 'always', by: 'Ada' });
      await gone(card);
      await page.getByText('Always allow').waitFor();
    }),
  );

  test(
    'a deploy that waits is previewed, approved or denied with a reason',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation();
      fixture.append(id, 't2', ...UNDER_WAY);
      await open();
      assert.equal(await page.getByRole('link', { name: 'Preview' }).getAttribute('href'), '/.greenroom/preview/abc');
      await page.getByRole('button', { name: 'Deny…' }).click();
      await page.getByLabel('Why not? The agent is told.').fill('wrong colour');
      fixture.refuseNext = { status: 409, refusal: { code: 'conflict', error: 'Somebody else decided already.' } };
      await page.keyboard.press('Enter');
      await page.getByRole('alert').getByText('Somebody else decided already.').waitFor();
      const denied = await fixture.called(/POST attempts\/d2\/deny/);
      assert.deepEqual(denied.body, { reason: 'wrong colour' });
      await page.getByRole('button', { name: 'Keep waiting' }).click();
      await page.getByRole('button', { name: 'Approve' }).click();
      await fixture.called(/POST attempts\/d2\/approve/);
      await gone(page.getByText('Somebody else decided already.'));
    }),
  );

  test(
    'a live version is rolled back after a second click, by those who may',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation();
      fixture.append(id, 't', { kind: 'attempt', journal_seq: 9, attempt: attempt() });
      await open();
      await page.getByRole('button', { name: 'Roll back' }).click();
      const question = page.getByRole('group', { name: `Roll back to ${PREVIOUS.slice(0, 7)}?` });
      await question.waitFor();
      await page.keyboard.press('Escape');
      await gone(question);
      assert.equal(fixture.calls.length, 0);
      await page.getByRole('button', { name: 'Roll back' }).click();
      await question.getByRole('button', { name: 'Roll back' }).click();
      assert.deepEqual((await fixture.called(/POST rollback/)).body, { conversation: id });

      fixture.session = { ...fixture.session, can_approve: false };
      fixture.append(id, 't2', ...UNDER_WAY);
      await open();
      await page.getByText('You may look at it, but not approve it.').waitFor();
      assert.equal(await page.getByRole('button', { name: /Approve|Deny|Roll back/ }).count(), 0);
    }),
  );

  test(
    'the agent is stopped, and a message that waits is withdrawn',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation();
      fixture.append(id, 't1', { kind: 'message', id: 'm1', text: 'one', user: ADA }, { kind: 'turn', status: 'running', detail: '' });
      fixture.append(
        id,
        't2',
        { kind: 'message', id: 'm2', text: 'two', user: { id: 'eve', name: 'Eve' } },
        { kind: 'turn', status: 'queued', detail: '' },
      );
      const turn = { conversation: id, user: ADA, text: '', created_at: new Date().toISOString() };
      fixture.state.running = { ...turn, id: 't1', status: 'running' };
      fixture.state.queued = [
        { ...turn, id: 't2', status: 'queued' },
        { ...turn, id: 't3', status: 'queued' },
      ];
      await open();
      await page.getByText('2 messages wait.').waitFor();
      await page.getByText('Eve').waitFor();
      await page.getByRole('button', { name: 'Withdraw' }).click();
      assert.equal((await fixture.called(/POST turns\/t2/)).path, 'turns/t2/cancel');
      fixture.append(id, 't2', { kind: 'turn', status: 'cancelled', detail: '' });
      await gone(page.getByRole('button', { name: 'Withdraw' }));
      await page.getByRole('button', { name: 'Stop the agent' }).click();
      assert.equal((await fixture.called(/POST turns\/t1/)).path, 'turns/t1/cancel');
      fixture.setState({ running: null, queued: [] });
      await gone(page.getByRole('button', { name: 'Stop the agent' }));
    }),
  );

  test(
    'an interrupted turn shows what is left and goes on',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation();
      fixture.append(
        id,
        't1',
        { kind: 'turn', status: 'running', detail: '' },
        { kind: 'tool', call: 'k', title: 'npm test', tool: 'execute', status: 'in_progress' },
        { kind: 'turn', status: 'interrupted', detail: 'The runner was killed.', uncommitted: ['public/a.css', 'b.txt'] },
      );
      await open();
      await page.getByText('2 files changed and not committed').click();
      await page.getByText('public/a.css').waitFor();
      await page.getByRole('button', { name: /npm test.*not finished/ }).waitFor();
      await page.getByRole('button', { name: 'Continue' }).click();
      assert.equal((await fixture.called(/POST turns/)).path, 'turns/t1/continue');
      fixture.append(id, 't4', { kind: 'turn', status: 'running', detail: '' });
      await gone(page.getByRole('button', { name: 'Continue' }));
    }),
  );

  test(
    'a refused deploy shows its evidence',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation();
      fixture.append(id, 't', {
        kind: 'attempt',
        journal_seq: 2,
        attempt: { ...FAILED, evidence: { ...FAILED.evidence, rule: 'aws-key', file: 'config.ts', line: 7 } },
      });
      await open();
      const card = page.getByRole('group', { name: /Deploy 77aa88b: Not deployed/ });
      for (const text of [
        'GET /api/ping answered 500 instead of 200.',
        'deep_check_failed',
        'status 500',
        'aws-key',
        'config.ts:7',
        'no such column: theme',
        'Read the answer and the log',
      ])
        await card.getByText(text).first().waitFor();
      assert.equal(await card.locator('.steps .failed').count(), 1);
    }),
  );
}
