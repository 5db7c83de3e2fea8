/** The whole loop in a real browser: a person asks in the page, the agent changes and ships the app that serves the page, and nothing of what dies meanwhile is noticed. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ChatEvent } from '@greenroom/sdk/chat';
import type { Browser, Page } from 'playwright-core';
import { commitFiles } from '../../../../bench/harness/repo.ts';
import { openTranscript } from '../../src/agent/transcript.ts';
import { type Layout, layoutOf } from '../../src/orchestrator/layout.ts';
import { CHAT_TOKEN } from '../agent/chat/rig.ts';
import { chatCommand, type RunningChat } from '../agent/chat/service.ts';
import { launchBrowser } from '../ui/stage.ts';
import { pidOf, prepareRig, type Rig, until } from './rig.ts';

const APP = join(import.meta.dirname, 'chat-app');
const CLI = join(import.meta.dirname, '../../src/cli/main.ts');
const FILES = ['server.ts', 'src/content.ts', 'src/store.ts'];
/** Deploys by people while the conversation is open; with the agent's they are more than twenty swaps. */
const PEOPLES_SWAPS = 15;
const PATIENCE_MS = 30_000;

test('a conversation in the page changes the page, and goes on whatever dies', { timeout: 180_000 }, async (t) => {
  const rig = await prepareRig(t, {
    contract: {
      start_command: 'node server.ts',
      health_test_payload: { path: '/api/ping' },
      agent: { command: `${process.execPath} ${CLI} demo-agent`, env: { DEMO_AGENT_PACE_MS: '3' } },
    },
  });
  commitFiles(rig.repo, Object.fromEntries(FILES.map((file) => [file, readFileSync(join(APP, file), 'utf8')])), 'A guestbook');
  const browser = await launchBrowser();
  const service = chatCommand(t, rig);
  let chat: RunningChat | undefined;
  try {
    await rig.start();
    chat = await service.start();
    chat = await story(rig, await openPage(browser, rig), chat, () => service.start());
  } finally {
    // Before the rig looks for what was left behind.
    await browser.close();
    await chat?.kill('SIGKILL');
  }
});

async function story(rig: Rig, page: Page, chat: RunningChat, startChat: () => Promise<RunningChat>): Promise<RunningChat> {
  const first = (await rig.client.deploy({ branch: 'main' })) as { success: boolean };
  assert.ok(first.success, JSON.stringify(first));
  await page.goto(`http://127.0.0.1:${rig.port}/`);
  const layout = layoutOf(rig.data);

  // Asked for, made, shipped and seen.
  await say(page, 'Make it blue, please');
  await turnsEnd(page, layout, ['completed']);
  for (const card of ['Set the accent colour to blue', 'Commit', 'Deploy']) await page.getByText(card, { exact: true }).first().waitFor();
  await page.getByText('Live', { exact: true }).first().waitFor();
  assert.equal(await hueOfPage(rig), 220);

  // A refusal is read and repaired, in one turn.
  await say(page, 'Now break it, to see what happens');
  await turnsEnd(page, layout, ['completed', 'completed']);
  const [refused] = attemptsOf(layout).filter(({ status }) => status === 'failed');
  assert.equal(refused?.code, 'deep_check_failed');
  assert.equal(await hueOfPage(rig), 220);

  // People deploy all the while.
  let streams = 0;
  page.on('request', (request) => {
    if (request.url().includes('/stream')) streams += 1;
  });
  for (let n = 1; n <= PEOPLES_SWAPS; n += 1) {
    const answer = await rig.client.deploy({ commit: commitFiles(rig.repo, { 'people.txt': `${n}` }, `Count to ${n}`) });
    assert.ok(answer.success, JSON.stringify(answer));
    if (n % 5 === 0) {
      await say(page, 'What is live?');
      await turnsEnd(page, layout, [...finals(layout).slice(0, -1), 'completed']);
    }
  }
  assert.equal(streams, 0, 'a swap ended the stream of the conversation');
  await assertWhole(page, layout);

  // The app dies, the orchestrator dies: the page's own connection to the chat knows nothing of it.
  process.kill(pidOf(await rig.status()), 'SIGKILL');
  await rig.kill();
  await say(page, 'Change the greeting to "Still here"');
  await rig.start();
  await turnsEnd(page, layout, [...finals(layout).slice(0, -1), 'completed']);
  await until(
    async () => (await rig.visit()).body.includes('Still here'),
    () => 'the greeting is not what was asked for',
  );

  // The runner dies in the middle of its turn; what it did is kept, and it goes on when told to.
  await say(page, 'Make it orange');
  await until(
    () => runnerOf(layout) !== 0,
    () => 'no runner takes the turn',
  );
  process.kill(runnerOf(layout), 'SIGKILL');
  await turnsEnd(page, layout, [...finals(layout).slice(0, -1), 'interrupted']);
  await answered(page, '/continue', () => page.getByRole('button', { name: 'Continue' }).click());
  await turnsEnd(page, layout, [...finals(layout).slice(0, -1), 'completed']);
  await say(page, 'Make it red');
  await turnsEnd(page, layout, [...finals(layout).slice(0, -1), 'completed']);
  assert.equal(await hueOfPage(rig), 10);

  // The chat service itself dies, and comes back; the page finds it by itself.
  await chat.kill('SIGKILL');
  const again = await startChat();
  await say(page, 'Please roll back');
  await turnsEnd(page, layout, [...finals(layout).slice(0, -1), 'completed']);
  assert.notEqual(await hueOfPage(rig), 10);
  await assertWhole(page, layout);

  const { records, intact } = (await rig.status()).journal;
  assert.ok(records > 0 && intact);
  const origins = (await rig.client.deploys({ limit: 100 })).filter(({ origin }) => origin !== undefined);
  assert.ok(origins.some(({ kind }) => kind === 'rollback') && origins.length >= 6, `${origins.length} attempts of the conversation`);
  return again;
}

/** A page that is logged in, before there is an app to be seen. */
async function openPage(browser: Browser, rig: Rig): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1000, height: 800 }, reducedMotion: 'reduce' });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  page.on('pageerror', (error) => assert.fail(error));
  await page.goto(`http://127.0.0.1:${rig.port}/.greenroom/login?token=${CHAT_TOKEN}`);
  await page.getByRole('textbox', { name: 'Message to the agent' }).waitFor();
  return page;
}

/** Types and sends, and waits until the message is in the transcript. */
async function say(page: Page, text: string): Promise<void> {
  const composer = page.getByRole('textbox', { name: 'Message to the agent' });
  await composer.fill(text);
  await answered(page, '/messages', () => composer.press('Enter'));
}

/** Does it, and waits until the service has taken the call that it makes. */
async function answered(page: Page, call: string, work: () => Promise<void>): Promise<void> {
  const taken = page.waitForResponse((response) => response.url().endsWith(call) && response.status() === 202);
  await Promise.all([taken, work()]);
}

/** Waits until all turns are over, as these. */
async function turnsEnd(page: Page, layout: Layout, expected: string[]): Promise<void> {
  const open = (): boolean => finals(layout).some((status) => status === 'queued' || status === 'running');
  await until(
    () => !open(),
    () => `turns are ${finals(layout).join(', ')}`,
    PATIENCE_MS,
  );
  assert.deepEqual(finals(layout), expected, JSON.stringify(eventsOf(layout).slice(-3)));
  await page.getByRole('button', { name: 'Stop the agent' }).waitFor({ state: 'detached' });
}

/** What the page shows is what a page shows that was opened only now: nothing was lost, nothing came twice. */
async function assertWhole(page: Page, layout: Layout): Promise<void> {
  assert.ok(eventsOf(layout).length > 0);
  const other = await page.context().newPage();
  await other.goto(page.url());
  let old: string[] = [];
  let fresh: string[] = [];
  await until(
    async () => {
      [old, fresh] = [await keysOf(page), await keysOf(other)];
      return old.length > 0 && old.join() === fresh.join();
    },
    () => `a new page shows ${missing(fresh, old)} instead of ${missing(old, fresh)}`,
    PATIENCE_MS,
  );
  assert.equal(new Set(old).size, old.length, 'something is shown twice');
  await other.close();
  await page.reload();
  await until(
    async () => (await keysOf(page)).join() === fresh.join(),
    () => 'a reload shows something else',
    PATIENCE_MS,
  );
}

const missing = (some: readonly string[] = [], others: readonly string[] = []): string =>
  some.filter((key) => !others.includes(key)).join(' ') || 'nothing';

function keysOf(page: Page): Promise<string[]> {
  return page.evaluate(
    "[...(document.querySelector('greenroom-chat')?.shadowRoot?.querySelectorAll('[data-key]') ?? [])].map((item) => item.dataset.key + ': ' + item.innerText)",
  );
}

async function hueOfPage(rig: Rig): Promise<number> {
  return Number(/data-hue="(\d+)"/.exec((await rig.visit()).body)?.[1]);
}

function runnerOf({ agentTurn }: Layout): number {
  try {
    return (JSON.parse(readFileSync(agentTurn, 'utf8')) as { pid: number }).pid;
  } catch {
    return 0;
  }
}

/** How the turns stand, in their order. */
function finals(layout: Layout): string[] {
  return read(layout, (transcript, conversation) => transcript.turns(conversation).map(({ status }) => status));
}

function eventsOf(layout: Layout): ChatEvent[] {
  return read(layout, (transcript, conversation) => transcript.eventsAfter(conversation, 0, 100_000));
}

function attemptsOf(layout: Layout): { status: string; code?: string }[] {
  return eventsOf(layout).flatMap((event) => (event.kind === 'attempt' ? [event.attempt] : []));
}

function read<T>({ transcript: file }: Layout, look: (transcript: ReturnType<typeof openTranscript>, conversation: string) => T): T {
  const transcript = openTranscript(file);
  try {
    return look(transcript, transcript.conversations()[0]?.id ?? '');
  } finally {
    transcript.close();
  }
}
