import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Greenroom, prepareGreenroom } from '../../bench/harness/greenroom.ts';
import { endLeftovers } from '../../bench/harness/leftovers.ts';
import { portNear } from '../../bench/harness/ports.ts';
import { type Load, startLoad } from '../../bench/load/load.ts';
import { createTerminal, type Terminal } from './terminal.ts';
import { brokenVersion, firstVersion, SECOND_GREETING, secondVersion } from './versions.ts';
import { readPage, signGuestbook } from './visitor.ts';

const API_PORT = 9100;
const VISITORS = { get: 3, 'get-new': 2, sse: 2 };
const VISITOR_PAUSE_MS = 25;
const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Tells and does the whole demo. Answers the exit code: 0 when everything went as it should. Leaves nothing behind. */
export async function runDemo({ once }: { once: boolean }): Promise<number> {
  const terminal = createTerminal();
  const root = mkdtempSync(join(tmpdir(), 'greenroom-demo-'));
  const ended = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of END_SIGNALS) process.on(signal, () => ended.resolve(signal));
  const demo = await prepare(root, terminal);
  let code = 1;
  try {
    const outcome = await Promise.race([tell(demo), ended.promise]);
    if (typeof outcome !== 'string') {
      code = outcome ? 0 : 1;
      if (!once) {
        whatNext(demo);
        demo.terminal.live(() => liveLine(demo));
        await ended.promise;
      }
    }
  } catch (error) {
    terminal.live(null);
    if (!demo.ending) terminal.bad(error instanceof Error ? error.message : String(error));
  } finally {
    demo.ending = true;
    terminal.live(null);
    const clean = await cleanUp(demo);
    if (!clean) code = 1;
  }
  return code;
}

interface Demo {
  root: string;
  repo: string;
  url: string;
  terminal: Terminal;
  greenroom: Greenroom;
  load?: Load;
  /** True from the moment on when failures are no news, because everything is being ended. */
  ending: boolean;
  problems: number;
}

async function prepare(root: string, terminal: Terminal): Promise<Demo> {
  const repo = join(root, 'guestbook');
  mkdirSync(repo);
  firstVersion(repo);
  const contract = JSON.parse(readFileSync(join(repo, 'app.contract.json'), 'utf8')) as { port: number; internal_port: number };
  contract.port = await portNear(contract.port);
  contract.internal_port = await portNear(contract.internal_port);
  const greenroom = prepareGreenroom({ root, repo, contract: { ...contract }, apiPort: await portNear(API_PORT), app: 'guestbook' });
  return { root, repo, url: `http://127.0.0.1:${contract.port}`, terminal, greenroom, ending: false, problems: 0 };
}

/** The story. Answers whether all of it went as it should. */
async function tell(demo: Demo): Promise<boolean> {
  const { terminal, greenroom, repo, url } = demo;

  terminal.stage('A guestbook, a small real web app, goes under Greenroom');
  terminal.say(`Its code is copied to a git repository of its own: ${repo}`);
  terminal.say('Greenroom starts, and with it a proxy that owns the public port from now on; then the first version is deployed.');
  await greenroom.start();
  await command(demo, ['deploy'], 0);
  terminal.good(`The guestbook is at ${url}`);

  const load = startLoad({
    url,
    mix: VISITORS,
    paths: { get: '/', 'get-new': '/api/messages' },
    pause_ms: VISITOR_PAUSE_MS,
  });
  demo.load = load;
  terminal.live(() => liveLine(demo));
  await signGuestbook(url, 'Ada', 'First! Signed on version 1.');

  terminal.stage('A second version goes live while visitors use the first');
  terminal.say(
    'Visitors keep loading pages, and never try again when something goes wrong. The new version has another colour and greeting.',
  );
  secondVersion(repo);
  await Promise.all([command(demo, ['deploy'], 0), signGuestbook(url, 'Grace', 'I pressed the button while the versions changed.')]);
  check(
    demo,
    (await readPage(url)).includes(SECOND_GREETING),
    'visitors see the new version now',
    'the new version is not what visitors see',
  );
  checkLoad(demo);

  terminal.stage('A broken version does not get that far');
  terminal.say('It starts, and even says that it is healthy. But it cannot write to its database: somebody forgot an argument.');
  brokenVersion(repo);
  await command(demo, ['deploy', '--branch', 'broken'], 1);
  const still = (await readPage(url)).includes(SECOND_GREETING);
  check(
    demo,
    still,
    'refused before a single visitor saw it; the live version was not touched',
    'the broken version changed what visitors see',
  );
  checkLoad(demo);

  terminal.stage('Back to the first version');
  terminal.say('Say that nobody likes violet. The version before is started again from its slot, checked, and visitors move over.');
  await command(demo, ['rollback', '--reason', 'nobody likes violet'], 0);
  const page = await readPage(url);
  check(demo, !page.includes(SECOND_GREETING), 'visitors see the first version again', 'the second version is still what visitors see');
  const kept = page.includes('First!') && page.includes('I pressed the button');
  check(demo, kept, 'and every message is still there: the data is shared, not copied', 'messages were lost');
  checkLoad(demo);

  terminal.stage('And forward again, at once');
  terminal.say(
    'On second thought they do. The second version still runs as a standby: nothing has to start, it is only checked once more.',
  );
  await command(demo, ['rollback', '--reason', 'violet it is'], 0);
  check(
    demo,
    (await readPage(url)).includes(SECOND_GREETING),
    'visitors see the second version',
    'the first version is still what visitors see',
  );
  checkLoad(demo);
  return demo.problems === 0;
}

/** Runs a command of Greenroom as a user would, showing its output. */
async function command(demo: Demo, args: string[], expected: number): Promise<void> {
  if (demo.ending) throw new Error('the demo was ended');
  demo.terminal.say(`$ greenroom ${args.map((arg) => (arg.includes(' ') ? `"${arg}"` : arg)).join(' ')}`);
  const { code } = await demo.greenroom.cli(args, demo.terminal.output);
  if (code !== expected) check(demo, false, '', `"greenroom ${args[0]}" ended with ${code} instead of ${expected}`);
}

function check(demo: Demo, holds: boolean, good: string, bad: string): void {
  if (demo.ending) return;
  if (!holds) demo.problems++;
  if (holds) demo.terminal.good(good);
  else demo.terminal.bad(bad);
}

function checkLoad(demo: Demo): void {
  const now = demo.load?.snapshot();
  if (now === undefined) return;
  const so = `${now.ok} answers to visitors so far, ${now.failed} failed, longest wait between two ${now.longest_gap_ms} ms`;
  check(demo, now.failed === 0, so, `${so}; the first: ${now.failures[0]?.error}`);
}

function liveLine({ load, url }: Demo): string {
  const now = load?.snapshot();
  return now === undefined ? '' : `  ${url}   ${now.ok} requests answered   ${now.failed} failed   longest gap ${now.longest_gap_ms} ms`;
}

function whatNext({ terminal, greenroom, repo, url }: Demo): void {
  const run = (args: string): string => `  npm run greenroom -- ${args} --data ${greenroom.data}`;
  terminal.stage('Your turn: it goes on running');
  for (const line of [
    `Open ${url} and sign. Then, in another terminal in this folder:`,
    '',
    run('status'),
    run('log'),
    '',
    `Edit ${join(repo, 'src/content.ts')}, and put your change live:`,
    '',
    `  git -C ${repo} commit -am "My change"`,
    run('deploy'),
    run('rollback'),
    '',
    'Ctrl-C stops everything and removes the temporary folder.',
    '',
  ])
    terminal.say(line);
}

async function cleanUp({ terminal, greenroom, load, root }: Demo): Promise<boolean> {
  terminal.say('\nStopping the guestbook and Greenroom, and removing the temporary folder …');
  await load?.stop();
  const code = await greenroom.stop();
  const leftovers = await endLeftovers(root);
  rmSync(root, { recursive: true, force: true });
  if (code === 0 && leftovers.length === 0) {
    terminal.good('Nothing is left behind.');
    return true;
  }
  terminal.bad(`Greenroom ended with ${code}${leftovers.map((process) => `; had to end ${process}`).join('')}`);
  return false;
}
