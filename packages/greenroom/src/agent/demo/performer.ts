import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { SessionUpdate } from '@agentclientprotocol/sdk';

/** Time between two words, in milliseconds, so that people see the text come. */
const DEFAULT_PACE_MS = 12;
const OUTPUT_CHARACTERS = 8_000;

/** What a change is made with; everything is told to the client as it happens. */
export interface Performer {
  say(text: string): Promise<void>;
  plan(entries: string[], done: number): Promise<void>;
  /** Edits a file; throws when nothing matches. Answers whether that changed it: it may be like that already. */
  edit(path: string, title: string, from: RegExp, to: string): Promise<boolean>;
  /** Puts a line at the end of a file. */
  append(path: string, title: string, line: string): Promise<boolean>;
  git(title: string, ...args: string[]): Promise<CommandResult>;
  /** The `greenroom` command of the agent. */
  greenroom(title: string, ...args: string[]): Promise<CommandResult>;
}

export interface CommandResult {
  ok: boolean;
  output: string;
}

export interface PerformerOptions {
  folder: string;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  update(update: SessionUpdate): Promise<void>;
}

export function createPerformer({ folder, env, signal, update }: PerformerOptions): Performer {
  const pace = Number(env['DEMO_AGENT_PACE_MS'] ?? DEFAULT_PACE_MS);

  async function change(path: string, title: string, edit: (text: string) => string | undefined): Promise<boolean> {
    signal.throwIfAborted();
    const toolCallId = randomUUID();
    const file = join(folder, path);
    const oldText = await readFile(file, 'utf8');
    await update({ sessionUpdate: 'tool_call', toolCallId, title, kind: 'edit', status: 'in_progress', locations: [{ path: file }] });
    const newText = edit(oldText);
    if (newText === undefined) {
      await update({ sessionUpdate: 'tool_call_update', toolCallId, status: 'failed' });
      throw new Error(`${path} does not look as this demo knows it.`);
    }
    await writeFile(file, newText);
    await update({
      sessionUpdate: 'tool_call_update',
      toolCallId,
      status: 'completed',
      ...(newText === oldText ? {} : { content: [{ type: 'diff' as const, path: file, oldText, newText }] }),
    });
    return newText !== oldText;
  }

  async function command(program: string, title: string, args: string[]): Promise<CommandResult> {
    signal.throwIfAborted();
    const toolCallId = randomUUID();
    const rawInput = { command: [program, ...args].join(' ') };
    await update({ sessionUpdate: 'tool_call', toolCallId, title, kind: 'execute', status: 'in_progress', rawInput });
    const child = spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], signal });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    const [code] = await once(child, 'close');
    await update({
      sessionUpdate: 'tool_call_update',
      toolCallId,
      status: code === 0 ? 'completed' : 'failed',
      content: [{ type: 'content', content: { type: 'text', text: output.slice(-OUTPUT_CHARACTERS) } }],
    });
    return { ok: code === 0, output };
  }

  return {
    async say(text) {
      const messageId = randomUUID();
      for (const word of text.match(/\s*\S+\s*/g) ?? []) {
        await update({ sessionUpdate: 'agent_message_chunk', messageId, content: { type: 'text', text: word } });
        if (pace > 0) await delay(pace, undefined, { signal });
      }
    },
    plan: (entries, done) =>
      update({
        sessionUpdate: 'plan',
        entries: entries.map((content, index) => ({
          content,
          priority: 'medium',
          status: index < done ? 'completed' : index === done ? 'in_progress' : 'pending',
        })),
      }),
    edit: (path, title, from, to) => change(path, title, (text) => (from.test(text) ? text.replace(from, () => to) : undefined)),
    append: (path, title, line) => change(path, title, (text) => `${text.trimEnd()}\n${line}\n`),
    git: (title, ...args) => command('git', title, args),
    greenroom: (title, ...args) => command('greenroom', title, args),
  };
}
