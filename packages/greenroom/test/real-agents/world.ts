import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ChatEvent } from '@greenroom/sdk/chat';
import { endLeftovers } from '../../../../bench/harness/leftovers.ts';
import { commitFiles, git } from '../../../../bench/harness/repo.ts';
import { openRig, type Rig } from '../e2e/rig.ts';
import { linkPrograms, MODEL_KEY, type RealAgent } from './agents.ts';
import type { Scripts } from './model/script.ts';
import { type Model, openModel } from './model/server.ts';
import { GUESTBOOK } from './story.ts';

export interface World {
  rig: Rig;
  model: Model;
  workspace: string;
  /** Says something to the agent by the command line, in a conversation or a new one. Answers when the turn is over. */
  say(message: string, conversation?: string): Promise<{ code: number | null; output: string; events: ChatEvent[] }>;
}

/** The guestbook, live, with a Greenroom of its own and a real agent whose model is the stand-in. */
export async function openWorld(t: TestContext, agent: RealAgent, scripts: Scripts): Promise<World> {
  const root = mkdtempSync(join(tmpdir(), 'agent-'));
  const [home, programs, temporary] = ['home', 'bin', 'tmp'].map((name) => join(root, name)) as [string, string, string];
  for (const folder of [home, temporary]) mkdirSync(folder);
  linkPrograms(agent, programs);
  let workspace = '';
  const model = await openModel({ scripts, workspace: () => workspace });
  const close = async (): Promise<void> => {
    await model.close();
    await endLeftovers(root);
    rmSync(root, { recursive: true, force: true });
  };
  const opened = openRig(t, {
    contract: {
      start_command: 'node src/main.ts',
      // There is no registry in here: the example's packages are installed already.
      setup_command: `mkdir -p node_modules && cp -R ${GUESTBOOK}/node_modules/. node_modules/`,
      health_test_payload: { method: 'GET', path: '/api/ping', expect: { status: 200, json: { ok: true } } },
      shared_paths: ['data/'],
      agent: {
        preset: agent.preset,
        env: { HOME: home, TMPDIR: temporary, ...agent.configure(home, model.url) },
        secrets: [agent.keyVariable],
        permissions: 'allow',
      },
    },
    env: { PATH: [programs, process.env['PATH'] ?? ''].join(delimiter), [agent.keyVariable]: MODEL_KEY },
    prepare: (place) => void commitFiles(join(place, 'repo'), guestbook(), 'Take the guestbook'),
  });
  const rig = await opened.catch(async (error: unknown) => {
    await close();
    throw error;
  });
  // After what the rig ends, which is of its own.
  t.after(close);
  workspace = join(rig.data, 'workspace');
  await rig.live(git(rig.repo, 'rev-parse', 'HEAD'));
  return { rig, model, workspace, say: (message, conversation) => say(rig, message, conversation) };
}

async function say(rig: Rig, message: string, conversation?: string): ReturnType<World['say']> {
  const place = conversation === undefined ? [] : ['--conversation', conversation];
  const { code, output } = await rig.cli(['agent', message, '--json', ...place]);
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  return { code, output, events: lines.map((line) => JSON.parse(line) as ChatEvent) };
}

/** The guestbook's files but for its contract: the test has its own. */
function guestbook(): Record<string, string> {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const names = execFileSync('git', args, { cwd: GUESTBOOK, encoding: 'utf8' }).split('\0').filter(Boolean);
  const read = (name: string): string => readFileSync(join(GUESTBOOK, name), 'utf8');
  return Object.fromEntries(names.filter((name) => name !== 'app.contract.json').map((name) => [name, read(name)]));
}
