import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareGreenroom } from '../../bench/harness/greenroom.ts';
import { endLeftovers } from '../../bench/harness/leftovers.ts';
import { portNear } from '../../bench/harness/ports.ts';
import { type AgentChoice, agentOf, problemOfAgent } from './agent.ts';
import { type Demo, liveLine } from './demo.ts';
import { tell } from './story.ts';
import { createTerminal, type Terminal } from './terminal.ts';
import { firstVersion } from './versions.ts';
import { whatNext } from './what-next.ts';

const API_PORT = 9100;
/** The agent is asked to stop, and ends what it has started. */
const AGENT_END_MS = 10_000;
const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Tells and does the whole demo. Answers the exit code: 0 when everything went as it should. Leaves nothing behind. */
export async function runDemo({ once, agent }: { once: boolean; agent: AgentChoice }): Promise<number> {
  const terminal = createTerminal();
  const root = mkdtempSync(join(tmpdir(), 'greenroom-demo-'));
  const ended = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of END_SIGNALS) process.on(signal, () => ended.resolve(signal));
  const problem = await problemOfAgent(agent, process.env, root);
  if (problem !== '') {
    terminal.bad(problem);
    rmSync(root, { recursive: true, force: true });
    return 1;
  }
  const demo = await prepare(root, agent, terminal);
  const story = tell(demo);
  let code = 1;
  try {
    const outcome = await Promise.race([story, ended.promise]);
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
    terminal.bad(error instanceof Error ? error.message : String(error));
  } finally {
    demo.ending = true;
    // What it was in the middle of fails when everything ends under it: no news.
    story.catch(() => undefined);
    terminal.live(null);
    const clean = await cleanUp(demo);
    if (!clean) code = 1;
  }
  return code;
}

async function prepare(root: string, agent: AgentChoice, terminal: Terminal): Promise<Demo> {
  const repo = join(root, 'guestbook');
  mkdirSync(repo);
  firstVersion(repo);
  const contract = JSON.parse(readFileSync(join(repo, 'app.contract.json'), 'utf8')) as { port: number; internal_port: number };
  contract.port = await portNear(contract.port);
  contract.internal_port = await portNear(contract.internal_port);
  const greenroom = prepareGreenroom({
    root,
    repo,
    contract: { ...contract, agent: agentOf(agent, process.env) },
    apiPort: await portNear(API_PORT),
    app: 'guestbook',
  });
  return {
    root,
    repo,
    url: `http://127.0.0.1:${contract.port}`,
    terminal,
    greenroom,
    scripted: agent === 'scripted',
    started: false,
    ending: false,
    problems: 0,
  };
}

async function cleanUp(demo: Demo): Promise<boolean> {
  const { terminal, greenroom, chat, load, root } = demo;
  terminal.say('\nStopping the guestbook, the chat and Greenroom, and removing the temporary folder …');
  await load?.stop();
  const problems: string[] = [];
  if (chat) {
    await chat.quiet(AGENT_END_MS).catch((error: unknown) => problems.push(`the agent: ${String(error)}`));
    const how = await chat.stop();
    if (how !== '') problems.push(how);
  }
  const code = await greenroom.stop();
  // Before it is ready it just ends.
  if (code !== 0 && (demo.started || code !== null)) problems.push(`Greenroom ended with ${code}`);
  for (const process of await endLeftovers(root)) problems.push(`had to end ${process}`);
  rmSync(root, { recursive: true, force: true });
  if (problems.length === 0) terminal.good('Nothing is left behind.');
  else terminal.bad(problems.join('; '));
  return problems.length === 0;
}
