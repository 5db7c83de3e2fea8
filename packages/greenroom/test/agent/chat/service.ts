import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { type Layout, layoutOf } from '../../../src/orchestrator/layout.ts';
import { CHAT_TOKEN } from './rig.ts';

const MAIN = join(import.meta.dirname, '../../../src/cli/main.ts');

export interface ChatCommand {
  /** Runs `greenroom chat` to its end. */
  run(args: readonly string[], secrets?: Record<string, string>): Promise<{ code: number | null; output: string }>;
  /** Runs `greenroom stop` to its end. */
  stop(args: readonly string[]): Promise<{ code: number | null; output: string }>;
  /** Starts `greenroom chat`; resolves when it says that it is ready. The test ends it. */
  start(args?: readonly string[]): Promise<RunningChat>;
}

/** A data directory with a contract, without an orchestrator. */
export interface AppData extends ChatCommand {
  layout: Layout;
}

export interface RunningChat {
  pid: number;
  kill(signal: NodeJS.Signals): Promise<Ended>;
  ended(): Promise<Ended>;
  /** Resolves when its whole output so far has this. */
  says(what: RegExp): Promise<void>;
}

interface Ended {
  code: number | null;
  signal: string | null;
}

export function appData(t: TestContext, contract: Record<string, unknown> = { agent: {} }): AppData {
  const root = mkdtempSync(join(tmpdir(), 'chat-service-'));
  const layout = layoutOf(join(root, 'data'));
  mkdirSync(layout.data);
  const app = { name: 'shop', data: layout.data, repo: root, contract: layout.contract, api_port: 9_199 };
  writeFileSync(layout.app, JSON.stringify(app));
  writeFileSync(layout.contract, JSON.stringify({ start_command: 'node app.js', port: 9_198, health_endpoint: '/', ...contract }));
  const command = chatCommand(t, { data: layout.data, home: join(root, 'home') });
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return { layout, ...command };
}

/** `greenroom chat` for a data directory. */
export function chatCommand(t: TestContext, { data, home }: { data: string; home: string }): ChatCommand {
  const children: ChildProcess[] = [];
  t.after(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
  });

  function spawnCommand(name: string, args: readonly string[], secrets: Record<string, string> = {}) {
    const { PATH = '' } = process.env;
    const env = { PATH, HOME: data, GREENROOM_HOME: home, ...secrets };
    const child = spawn(process.execPath, [MAIN, name, '--data', data, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    return child;
  }

  async function run(child: ReturnType<typeof spawnCommand>): Promise<{ code: number | null; output: string }> {
    const exited = once(child, 'exit');
    const output = (await Promise.all([text(child.stdout), text(child.stderr)])).join('');
    const [code] = await exited;
    return { code, output };
  }

  return {
    run: (args, secrets = {}) => run(spawnCommand('chat', args, secrets)),
    stop: (args) => run(spawnCommand('stop', args)),
    async start(args = []) {
      const child = spawnCommand('chat', args, { GREENROOM_CHAT_TOKEN: CHAT_TOKEN });
      const ended: Promise<Ended> = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
      let said = '';
      let wanted: { what: RegExp; resolve(): void } | undefined;
      const tell = (): void => {
        if (wanted?.what.test(said)) wanted.resolve();
      };
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          said += chunk.toString('utf8');
          tell();
        });
      }
      const says = async (what: RegExp): Promise<void> => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        wanted = { what, resolve };
        tell();
        child.once('close', () => reject(new Error(`greenroom chat ended without saying ${what}: ${said}`)));
        await promise;
      };
      await says(/ is ready /);
      return {
        pid: child.pid ?? 0,
        says,
        ended: () => ended,
        async kill(signal) {
          child.kill(signal);
          return await ended;
        },
      };
    },
  };
}
