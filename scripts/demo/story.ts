import { startLoad } from '../../bench/load/load.ts';
import { type Asked, askInChat } from './ask.ts';
import { startChat } from './chat.ts';
import { check, checkLoad, type Demo, liveLine, stage } from './demo.ts';
import { SECOND_GREETING, secondVersion, VIOLET_HUE } from './versions.ts';
import { readPage, signGuestbook } from './visitor.ts';

const VISITORS = { get: 3, 'get-new': 2, sse: 2 };
const VISITOR_PAUSE_MS = 25;

/** The story. Answers whether all of it went as it should. */
export async function tell(demo: Demo): Promise<boolean> {
  await goLive(demo);
  await personsVersion(demo);
  await agentsVersion(demo);
  await takenBack(demo);
  // Another agent would rather not, or break something else.
  if (demo.scripted) await brokenVersion(demo);
  return demo.problems === 0;
}

async function goLive(demo: Demo): Promise<void> {
  const { greenroom, repo, url } = demo;
  stage(
    demo,
    'A guestbook, a small real web app, goes under Greenroom',
    `Its code is copied to a git repository of its own: ${repo}`,
    'Greenroom starts, and with it a proxy that owns the public port from now on; then the first version is deployed.',
  );
  await greenroom.start();
  demo.started = true;
  await command(demo, ['deploy']);
  const page = await readPage(url);
  check(demo, page.includes('Guestbook'), `the guestbook is at ${url}`, `the guestbook does not answer at ${url}`);
}

async function personsVersion(demo: Demo): Promise<void> {
  const { terminal, repo, url } = demo;
  stage(
    demo,
    'A person changes it, while visitors use it',
    'Visitors keep loading pages, and never try again when something goes wrong. The new version greets them differently.',
  );
  demo.load = startLoad({ url, mix: VISITORS, paths: { get: '/', 'get-new': '/api/messages' }, pause_ms: VISITOR_PAUSE_MS });
  terminal.live(() => liveLine(demo));
  await signGuestbook(url, 'Ada', 'First! Signed on version 1.');
  secondVersion(repo);
  await Promise.all([command(demo, ['deploy']), signGuestbook(url, 'Grace', 'I pressed the button while the versions changed.')]);
  const page = await readPage(url);
  check(demo, page.includes(SECOND_GREETING), 'visitors see the new version now', 'the new version is not what visitors see');
  const kept = page.includes('First!') && page.includes('I pressed the button');
  check(demo, kept, 'and every message is there: the data is shared, not copied', 'messages were lost');
  checkLoad(demo);
}

async function agentsVersion(demo: Demo): Promise<void> {
  const { terminal, greenroom, url } = demo;
  stage(demo, 'The agent changes it, asked in the chat on its page', 'The chat is served beside the app, so that no deploy touches it.');
  demo.chat = startChat(demo);
  const { agent } = await demo.chat.ready();
  terminal.say(
    `At work: ${agent}.${demo.scripted ? ' It is scripted, no AI: it knows a few requests, but what it does with them is real.' : ''}`,
  );

  const before = (await greenroom.client.status()).live_commit;
  const asked = await say(demo, 'Make it violet: change the hue in src/content.ts, commit, and deploy.');
  const live = isLive(asked) && (await greenroom.client.status()).live_commit !== before;
  check(demo, live, 'the agent put it live', 'no commit of the agent went live');
  const violet = (await readPage(url)).includes(`--hue: ${VIOLET_HUE}`);
  if (demo.scripted) check(demo, violet, 'visitors see violet', 'visitors do not see violet');
  checkLoad(demo);
}

async function takenBack(demo: Demo): Promise<void> {
  const { greenroom, url } = demo;
  const before = (await greenroom.client.status()).previous_commit;
  stage(demo, 'And takes it back', 'The version before still runs as a standby: nothing has to start, it is only checked once more.');
  await say(demo, 'Roll back to the previous version.');
  const undone = (await greenroom.client.status()).live_commit === before && (await readPage(url)).includes(SECOND_GREETING);
  check(demo, undone, 'visitors see the version before', 'the version before is not live again');
  checkLoad(demo);
}

async function brokenVersion(demo: Demo): Promise<void> {
  stage(
    demo,
    'A broken version does not get that far',
    'It starts, and even says that it is healthy. But it cannot write to its database: somebody forgot an argument.',
  );
  const asked = await say(demo, 'Break the guestbook, to see what happens.');
  const refused = asked.attempts[0]?.code === 'deep_check_failed';
  check(demo, refused, 'refused before a single visitor saw it', 'the broken version was not refused by the deep check');
  check(demo, isLive(asked), 'repaired by the agent and live, with the violet that is on its branch', 'the repaired version is not live');
  checkLoad(demo);
}

/** Runs a command of Greenroom as a user would, showing its output. */
async function command(demo: Demo, args: string[]): Promise<void> {
  if (demo.ending) throw new Error('the demo was ended');
  demo.terminal.say(`$ greenroom ${args.join(' ')}`);
  const { code } = await demo.greenroom.cli(args, demo.terminal.output);
  if (code !== 0) check(demo, false, '', `"greenroom ${args[0]}" ended with ${code} instead of 0`);
}

/** Throws when the turn did not come to its end. */
async function say(demo: Demo, text: string): Promise<Asked> {
  if (demo.ending || !demo.chat) throw new Error('the demo was ended');
  demo.terminal.say(`You: ${text}`);
  const asked = await askInChat(demo.chat, demo.terminal, text);
  if (asked.status !== 'completed') throw new Error(`The agent's turn ended as ${asked.status}. ${asked.detail}`.trim());
  return asked;
}

function isLive({ attempts }: Asked): boolean {
  return attempts.at(-1)?.promoted === true;
}
