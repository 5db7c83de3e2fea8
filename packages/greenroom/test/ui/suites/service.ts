import { strict as assert } from 'node:assert';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient } from '@greenroom/sdk/client';
import { type ChatService, createTokens, serveChat } from '../../../src/agent/chat.ts';
import { openTranscript, type Transcript } from '../../../src/agent/transcript.ts';
import { openAssets } from '../../../src/ui-files.ts';
import { standInOrchestrator } from '../../agent/chat/orchestrator.ts';
import { composer, gone, type Play } from '../stage.ts';

/** With the real chat service and a real transcript in place of the one in memory. */
export function service(play: Play): void {
  test(
    'the real service: a token, a turn, a restart in its midst, a long history',
    play(async ({ page }) => {
      const root = mkdtempSync(join(tmpdir(), 'ui-'));
      mkdirSync(join(root, 'run'));
      const orchestrator = await standInOrchestrator(join(root, 'run', 'operator.sock'));
      const transcript = openTranscript(join(root, 'agent', 'transcript.db'));
      let chat = await serve(root, transcript, 0);
      const port = chat.port;
      try {
        const { id } = transcript.createConversation({ title: 'Long', user: { id: 'x', name: 'X' } });
        for (let index = 0; index < 400; index++)
          transcript.append({ conversation: id, turn: 't' }, { kind: 'notice', level: 'info', text: `note ${index}` });
        await page.goto(`http://127.0.0.1:${port}/.greenroom/`);
        await page.getByLabel('Token').fill('the-token-of-this-test');
        await page.keyboard.press('Enter');
        await page.getByText('note 399').waitFor();
        const packed =
          "performance.getEntriesByType('resource').filter((one) => /dompurify/.test(one.name)).map((one) => one.encodedBodySize < one.decodedBodySize / 2)";
        assert.deepEqual(await page.evaluate(packed), [true]);
        await page.locator('.log').press('Home');
        await page.getByRole('button', { name: 'Jump to latest' }).waitFor();
        while ((await page.getByText(/^note 0$/).count()) === 0) await page.locator('.log').evaluate((log) => log.scrollTo(0, 0));

        await composer(page).fill('Make it blue');
        await composer(page).press('Enter');
        await page.getByRole('button', { name: 'Jump to latest' }).click();
        await page.getByText('1 message waits.').waitFor();
        const turn = transcript.takeTurn({ pid: process.pid, start_ticks: 1, boot_id: 'b' });
        assert.equal(turn?.message, 'Make it blue');
        const place = { conversation: id, turn: turn.id };
        transcript.append(place, { kind: 'text', block: 'b', delta: 'It is ' });
        await page.getByText('It is').waitFor();
        await chat.close();
        transcript.append(place, { kind: 'text', block: 'b', delta: '**blue** now.' });
        await page.getByText('Not connected.').waitFor();
        chat = await serve(root, transcript, port);
        await page.locator('.markdown', { hasText: /^\s*It is blue now\.\s*$/ }).waitFor();
        await page.getByRole('button', { name: 'Stop the agent' }).click();
        while (transcript.requests(turn.id, 0).length === 0) await new Promise((done) => setImmediate(done));
        transcript.finish(turn.id, 'cancelled', { detail: '' });
        await gone(page.getByRole('button', { name: 'Stop the agent' }));
        assert.equal(await page.locator('.bubble').count(), 1);
      } finally {
        await chat.close();
        await orchestrator.close();
        transcript.close();
        rmSync(root, { recursive: true, force: true });
      }
    }),
  );
}

function serve(root: string, transcript: Transcript, port: number): Promise<ChatService> {
  const at = (name: string): string => join(root, 'run', name);
  return serveChat({
    app: 'shop',
    chatPath: '/.greenroom',
    agent: { name: 'Scripted', scripted: true },
    approval: false,
    mayBeginTurn: () => null,
    reap: async () => undefined,
    transcript,
    client: createClient({ socket: at('operator.sock') }),
    assets: openAssets('chat'),
    access: { tokens: createTokens({ chat: 'the-token-of-this-test', approve: '' }), askApp: null },
    listen: { socket: at('chat.sock'), appSocket: at('chat-app.sock'), tcp: { host: '127.0.0.1', port, open: false } },
    startRunner: () => undefined,
    log: () => undefined,
  });
}
