/** The dashboard in a real browser, over two apps with real orchestrators. */
import { strict as assert } from 'node:assert';
import { after, before, test } from 'node:test';
import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { launchBrowser } from '../stage.ts';
import { type Machine, openMachine } from './machine.ts';

const PATIENCE_MS = 15_000;
const HOSTILE = 'A <img src=x onerror="window.hit = 1"> \u001b[2J\u202Egnp footer';

let browser: Browser;
let machine: Machine;
let first = '';
let second = '';

before(async () => {
  [browser, machine] = await Promise.all([launchBrowser(), openMachine()]);
  const { shop, blog } = machine;
  first = shop.commit({ name: 'one', says: ['<b>bold</b>', '\u001b[31mred\u001b[0m'] }, { 'page.txt': 'one\n' });
  await Promise.all([shop.live(first), blog.live(blog.commit())]);
  second = shop.commit({ name: 'two' }, { 'page.txt': 'two\n' });
});
after(async () => {
  await browser?.close();
  await machine?.close();
});

test('a browser without a link sees nothing, and a link works once', async () => {
  await withPage(async (page, { settled }) => {
    await page.goto(machine.origin);
    await page.getByRole('heading', { name: 'Open it by a link' }).waitFor();
    await settled();
    const link = await machine.linkByCommand();
    await page.goto(link);
    await page.getByRole('heading', { name: '2 apps' }).waitFor();
    assert.equal(new URL(page.url()).hash, '#/');
    await page.reload();
    await page.getByRole('heading', { name: '2 apps' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You are signed out.').waitFor();
    await page.goto('about:blank');
    await page.goto(link);
    await page.getByText('This link was used already').waitFor();
  });
});

test('an attempt is seen going step by step, and what it changes', async () => {
  await withPage(
    async (page, { settled, seen }) => {
      await enter(page);
      await page.getByRole('link', { name: 'shop' }).click();
      await page.getByText('Nothing is being deployed.').waitFor();
      const asked = machine.shop.operator.deploy({ commit: second, reason: HOSTILE });
      await page
        .getByRole('article', { name: /Deploy .*: Live/ })
        .waitFor()
        .catch(() => undefined);
      await asked;
      // Each way that the bar was drawn in, while it went.
      await page
        .getByRole('row', { name: /Deploy/ })
        .first()
        .getByText('Live', { exact: true })
        .waitFor();
      const ways = await seen();
      assert.ok(ways.length >= 3, JSON.stringify(ways));
      const row = page
        .getByRole('region', { name: 'Attempts' })
        .getByRole('row')
        .filter({ hasText: second.slice(0, 7) });
      assert.match((await row.textContent()) ?? '', /A <img src=x onerror="window.hit = 1"> ‹U\+202E›gnp footer/);
      await row.getByRole('link').click();
      await page.getByText('-one').waitFor();
      await page.getByText('+two').waitFor();
      assert.equal(await page.getByText('What it changes').count(), 1);
      assert.equal(await page.evaluate('window.hit'), undefined);
      await settled();
    },
    {},
    WATCH_BAR,
  );
});

test('by keyboard alone: roll back after a question that says what will happen', async () => {
  await withPage(async (page) => {
    await enter(page);
    await press(page, 'Tab', (name) => name === 'shop');
    await page.keyboard.press('Enter');
    await press(page, 'Tab', (name) => name === 'Roll back…');
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Roll back shop' });
    await dialog.getByText(`${first.slice(0, 7)} in slot`).waitFor();
    assert.match((await dialog.textContent()) ?? '', new RegExp(`instead of ${second.slice(0, 7)}`));
    // The focus stays inside, Escape closes, and it is back where it was.
    const inside = new Set<string>();
    for (let presses = 0; presses < 8; presses++) {
      await page.keyboard.press('Tab');
      inside.add(await focused(page));
    }
    assert.ok(!inside.has('Deploy…') && inside.has('Cancel'), [...inside].join(' | '));
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    assert.equal(await focused(page), 'Roll back…');
    await page.keyboard.press('Enter');
    await press(page, 'Tab', (name) => name.startsWith('Roll back to'));
    assert.ok(await inShadow(page, "getComputedStyle(root.activeElement).outlineStyle !== 'none'"));
    await page.keyboard.press('Enter');
    await dialog.waitFor({ state: 'detached' });
    await page
      .getByRole('status')
      .filter({ hasText: /rollback of .* is live/ })
      .waitFor();
    assert.equal((await machine.shop.operator.status()).live_commit, first);
    await page.getByText('Not deployed again by themselves').waitFor();
  });
});

test('a deploy that waits is denied and approved, and an app is frozen and thawed', async () => {
  const { shop } = machine;
  const wait = async (name: string): Promise<string> => {
    const asked = await shop.agent.deploy({ commit: shop.commit({ name }), reason: 'Try it' }, { async: true });
    assert.ok(asked.success && 'id' in asked);
    return asked.id;
  };
  await withPage(async (page) => {
    await enter(page);
    await page.getByRole('link', { name: 'shop' }).click();
    const denied = await wait('three');
    await page.getByText('waits for approval.').first().waitFor();
    await page.getByRole('button', { name: 'Deny…' }).click();
    await page.getByLabel('Why not?').fill('too <b>bold</b>');
    await page.getByRole('button', { name: 'Deny', exact: true }).click();
    await page.getByText('Nothing is being deployed.').waitFor();
    const view = await shop.operator.attempt(denied);
    assert.deepEqual([view?.approval?.state, view?.approval?.reason], ['denied', 'too <b>bold</b>']);

    const approved = await wait('four');
    await page.getByRole('button', { name: 'Approve…' }).click();
    await page.getByRole('dialog').getByText('goes live instead of').waitFor();
    await page.getByRole('button', { name: 'Approve', exact: true }).click();
    await page.getByText('Nothing is being deployed.').waitFor();
    assert.equal((await shop.operator.attempt(approved))?.status, 'succeeded');

    await page.getByRole('button', { name: 'Freeze…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Freeze shop' });
    await dialog.getByLabel("Everybody's").check();
    await dialog.getByRole('button', { name: 'Freeze' }).click();
    assert.equal(await dialog.isVisible(), true, 'without a reason nothing is asked for');
    await dialog.getByLabel('Why').fill('a holiday');
    await dialog.getByRole('button', { name: 'Freeze' }).click();
    await page.getByText(/All deploys are frozen since .*: a holiday/).waitFor();
    await page.getByRole('button', { name: 'Deploy…' }).click();
    await page.getByText('All deploys are frozen: it will be refused.').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Thaw…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Thaw' }).click();
    await page.getByRole('button', { name: 'Freeze…' }).waitFor();
    assert.equal((await shop.operator.status()).freeze, null);
  });
});

test('a refusal stays in the dialog; the page comes back by itself after the dashboard and an orchestrator were killed', async () => {
  await withPage(async (page) => {
    await enter(page);
    await page.getByRole('link', { name: 'blog' }).click();
    await page.getByRole('button', { name: 'Deploy…' }).click();
    await page.getByRole('dialog').getByLabel('A commit').check();
    await page.getByRole('dialog').getByLabel('Commit', { exact: true }).fill('no such thing');
    await page.getByRole('dialog').getByRole('button', { name: 'Deploy' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByText('is not a commit id').first().waitFor();

    await page.getByRole('button', { name: 'Freeze…' }).click();
    await machine.blog.kill();
    await page.getByText('Its orchestrator ended without a word.').waitFor();
    await page.getByLabel('Why').fill('x');
    await page.getByRole('dialog').getByRole('button', { name: 'Freeze' }).click();
    await page.getByRole('alert').filter({ hasText: 'No orchestrator is running here' }).waitFor();
    await page.keyboard.press('Escape');
    assert.equal(await page.getByRole('button', { name: 'Deploy…' }).isDisabled(), true);
    await machine.blog.start();
    await page.getByText('Healthy').first().waitFor();

    await machine.endDashboard('SIGKILL');
    await page.getByText('The dashboard does not answer').waitFor();
    const link = await machine.startDashboard();
    // A session ends with the dashboard that gave it.
    await page.getByRole('heading', { name: 'Open it by a link' }).waitFor();
    await page.goto(link);
    await page.getByRole('heading', { name: '2 apps' }).waitFor();
  });
});

test('output streams as text, over a swap', async () => {
  const { shop } = machine;
  await withPage(async (page) => {
    await enter(page);
    await page.getByRole('link', { name: 'shop' }).click();
    const log = page.getByRole('log', { name: 'Output of shop' });
    await page.getByText(/^\S+, slot [ab], \w{7}/).waitFor();
    await shop.live(shop.commit({ says: ['<script>window.hit = 1</script>', '\u001b[31mred\u001b[0m \u202Etxet'] }));
    await log.getByText('<script>window.hit = 1</script>').waitFor();
    assert.match((await log.textContent()) ?? '', /── from here on: [\s\S]*red /);
    assert.equal(await page.evaluate('window.hit'), undefined);
  });
});

for (const [name, options] of [
  ['desktop, light', { colorScheme: 'light', reducedMotion: 'reduce' }],
  ['phone, dark', { colorScheme: 'dark', viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }],
] as [string, BrowserContextOptions][]) {
  test(`what is counted is drawn and told, axe finds nothing, nothing is wider than the screen and nothing jumps: ${name}`, async () => {
    await visit(20);
    await withPage(async (page, { settled }) => {
      await enter(page);
      await settled('overview');
      await page.getByRole('link', { name: 'shop' }).click();
      await page.getByRole('img', { name: /^Requests per second of the live release/ }).waitFor();
      assert.equal(await page.locator('canvas').count(), 3);
      const [live, before] = await page
        .getByRole('row', { name: /Requests in all/ })
        .getByRole('cell')
        .allTextContents();
      assert.match(`${live} ${before}`, /^[1-9]\d* \d+$/);
      await settled('app');
      await page.getByRole('button', { name: 'Deploy…' }).click();
      await settled('dialog');
      await page.keyboard.press('Escape');
      await page.getByRole('region', { name: 'Attempts' }).getByRole('link').first().click();
      await page.getByText('compared with').waitFor();
      await settled('attempt');
    }, options);
  });
}

interface Stage {
  /** Fails on what axe finds, on what is wider than the screen, and on layout that moved by itself. */
  settled(where?: string): Promise<void>;
  seen(): Promise<string[]>;
}

async function withPage(
  work: (page: Page, stage: Stage) => Promise<void>,
  options: BrowserContextOptions = {},
  script = '',
): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  await context.addInitScript(`${WATCH_SHIFTS}\n${script}`);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource|net::ERR_/.test(message.text())) problems.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(machine.origin) && !request.url().startsWith('data:')) problems.push(`a request to ${request.url()}`);
  });
  try {
    await work(page, {
      seen: () => page.evaluate('window.ways ?? []'),
      async settled(where = '') {
        await page.evaluate(axe.source);
        const found = await page.evaluate(
          `axe.run().then(({ violations }) => violations.map((it) => it.id + ': ' + it.nodes.map((node) => node.html.slice(0, 160)).join(' ')))`,
        );
        assert.deepEqual(found, [], where);
        assert.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), `${where} is wider than the screen`);
        assert.deepEqual(await page.evaluate('window.shifts'), [], `${where} moved`);
      },
    });
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
  }
}

/** So that there is something to count. */
async function visit(times: number): Promise<void> {
  for (let visits = 0; visits < times; visits++) assert.equal((await fetch(`http://127.0.0.1:${machine.shop.port}/`)).status, 200);
}

async function enter(page: Page): Promise<void> {
  await page.goto(await machine.link());
  await page.getByRole('heading', { name: '2 apps' }).waitFor();
}

/** Presses a key until what has the focus is called so. */
async function press(page: Page, key: string, isIt: (name: string) => boolean): Promise<void> {
  const names: string[] = [];
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press(key);
    const name = await focused(page);
    if (isIt(name)) return;
    names.push(name);
  }
  assert.fail(`it was not reached: ${names.join(' | ')}`);
}

const focused = (page: Page): Promise<string> =>
  inShadow(
    page,
    "(root.activeElement?.getAttribute('aria-label') || root.activeElement?.innerText || root.activeElement?.localName || '').trim()",
  );

function inShadow<T>(page: Page, expression: string): Promise<T> {
  return page.evaluate(`(() => { const root = document.getElementById('dashboard').shadowRoot; return ${expression}; })()`);
}

const WATCH_SHIFTS = `
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      if (!entry.hadRecentInput && entry.value > 0.05) window.shifts.push(entry.value + ' ' + entry.sources.map((one) => one.node?.outerHTML?.slice(0, 120)).join(' '));
  }).observe({ type: 'layout-shift', buffered: true });
`;
/** The colours of the steps' bar, each time that they were others. */
const WATCH_BAR = `
  window.ways = [];
  const look = () => {
    const bar = document.getElementById('dashboard')?.shadowRoot?.querySelector('.now .bar');
    const way = bar ? [...bar.children].map((one) => one.className[0]).join('') : '';
    if (way && window.ways.at(-1) !== way) window.ways.push(way);
    requestAnimationFrame(look);
  };
  look();
`;
