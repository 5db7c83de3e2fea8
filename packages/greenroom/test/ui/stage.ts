/** One browser for all tests of a file; each test has a service, a page and nothing left over from another. */
import { strict as assert } from 'node:assert';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core';
import { type Fixture, startFixture } from './fixture.ts';

export interface Stage {
  fixture: Fixture;
  page: Page;
  /** Opens a path of the service; the chat alone unless another is given. */
  open(path?: string): Promise<void>;
}

export type Play = (work: (stage: Stage) => Promise<void>, options?: BrowserContextOptions) => () => Promise<void>;

/** What a page may take to show something. Long, because machines of CI are slow; nothing waits for it to pass. */
const PATIENCE_MS = 15_000;

/** Of the browser's own window: pages too, which cost more than those that are tested. */
const WINDOW_FEATURES = ['WebUIOmniboxPopup', 'WebUIOmniboxAimPopup'];
/** What Playwright turns off, and a second list would turn on again. */
const PLAYWRIGHT_FEATURES = [
  ...['AvoidUnnecessaryBeforeUnloadCheckSync', 'DestroyProfileOnBrowserClose', 'HttpsUpgrades', 'HttpsFirstBalancedModeAutoEnable'],
  ...['LensOverlay', 'MediaRouter', 'PaintHolding', 'ThirdPartyStoragePartitioning', 'AvoidCorsURLLoaderRestartOnRedirect'],
  ...['OptimizationHints', 'NetworkTimeServiceQuerying', 'AimEnabled', 'PreconnectToSearch'],
];

/** Answers a function that makes tests: `test('…', play(async ({ page }) => …))`. */
export function setStage(): Play {
  let browser: Browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser?.close());
  return (work, options = {}) =>
    async () => {
      const fixture = await startFixture();
      const context = await browser.newContext({ viewport: { width: 1100, height: 760 }, reducedMotion: 'reduce', ...options });
      context.setDefaultTimeout(PATIENCE_MS);
      const page = await context.newPage();
      const problems: string[] = [];
      page.on('pageerror', (error) => problems.push(error.message));
      page.on('console', (message) => {
        // Refusals and lost connections, which tests cause, are reported by the browser itself.
        if (message.type() === 'error' && !/Failed to load resource|net::ERR_/.test(message.text())) problems.push(message.text());
      });
      page.on('dialog', (dialog) => {
        problems.push(`a dialog was opened: ${dialog.message()}`);
        void dialog.dismiss();
      });
      try {
        await work({ fixture, page, open: async (path = '/.greenroom/') => void (await page.goto(fixture.origin + path)) });
        assert.deepEqual(problems, []);
      } finally {
        await context.close();
        await fixture.close();
      }
    };
}

export function launchBrowser(): Promise<Browser> {
  const off = `--disable-features=${[...PLAYWRIGHT_FEATURES, ...WINDOW_FEATURES]}`;
  return chromium.launch({ executablePath: findChromium(), args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', off] });
}

/** Debian's, which `npm test` installs where it can. */
function findChromium(): string {
  const found = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'chromium'))
    .find((file) => existsSync(file));
  if (!found)
    throw new Error('These tests need the program chromium. Install it (on Debian: apt-get install chromium) and run them again.');
  return found;
}

/** Waits until there is no such element. */
export function gone(locator: Locator): Promise<void> {
  return locator.first().waitFor({ state: 'detached' });
}

/** Waits until an expression of the page is true. `chat` in it is the shadow tree of the first element. */
export async function until(page: Page, condition: string): Promise<void> {
  await page.waitForFunction(`(() => { const chat = document.querySelector('greenroom-chat')?.shadowRoot; return ${condition}; })()`);
}

/** What is true of the page now; `chat` as above. */
export function read<T>(page: Page, expression: string): Promise<T> {
  return page.evaluate(`(() => { const chat = document.querySelector('greenroom-chat')?.shadowRoot; return ${expression}; })()`);
}

export const composer = (page: Page): Locator => page.getByRole('textbox', { name: 'Message to the agent' });
