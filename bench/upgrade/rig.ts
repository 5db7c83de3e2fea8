import { readFileSync } from 'node:fs';
import { type DemoChat, startChat } from '../../scripts/demo/chat.ts';
import { benchRepo } from '../harness/bench-app.ts';
import { CLI, type Greenroom } from '../harness/greenroom.ts';
import { commitFiles } from '../harness/repo.ts';
import { type Load, type LoadOptions, startLoad } from '../load/load.ts';
import { withGreenroom } from '../measure/with-greenroom.ts';

/** An app that is live, with the chat and the scripted agent, for which it looks like one that it knows how to change. */
export interface UpgradeRig {
  greenroom: Greenroom;
  chat: DemoChat;
  /** A new version, by a person. Answers the commit. */
  commit(): string;
  /** Visitors who never ask twice, with all that a page can have open. */
  load(): Load;
}

const MIX: LoadOptions['mix'] = { get: 2, 'get-new': 2, post: 2, 'post-new': 1, slow: 2, sse: 2, ws: 2 };
const PAUSE_MS = 10;
/** Short, so that drains are, and long enough for something to be in flight at every moment. */
const SLOW_MS = 400;
/** Between two words of the agent. */
const PACE_MS = 10;

/** Everything it starts is gone when it answers. */
export function withUpgradeRig<T>(work: (rig: UpgradeRig) => Promise<T>): Promise<T> {
  const contract = {
    env: { BENCH_SLOW_MS: String(SLOW_MS) },
    agent: { command: `${process.execPath} ${CLI} demo-agent`, env: { DEMO_AGENT_PACE_MS: String(PACE_MS) } },
  };
  const makeRepo = (directory: string): void => {
    benchRepo(directory, 1);
    commitFiles(directory, { 'src/content.ts': 'export const content = { hue: 160 };\n' }, 'Something for the agent');
  };
  return withGreenroom(contract, makeRepo, async ({ greenroom, repo, deploy }) => {
    const { port } = JSON.parse(readFileSync(greenroom.contractFile, 'utf8')) as { port: number };
    const url = `http://127.0.0.1:${port}`;
    let versions = 1;
    const commit = (): string => {
      versions += 1;
      return commitFiles(repo, { 'version.json': JSON.stringify({ name: `version ${versions}` }) }, `Version ${versions}`);
    };
    const chat = startChat({ url, greenroom });
    try {
      await deploy(commit());
      await chat.ready();
      return await work({ greenroom, chat, commit, load: () => startLoad({ url, mix: MIX, pause_ms: PAUSE_MS }) });
    } finally {
      await chat.quiet(10_000).catch(() => undefined);
      await chat.stop();
      // It is another one by now than the one that was started here.
      await greenroom.cli(['stop']);
    }
  });
}
