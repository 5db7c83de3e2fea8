import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stream } from '@agentclientprotocol/sdk';
import { confine, type Layer } from '../../confine/command.ts';
import { type EndedInside, whenEndedInside } from '../../confine/sandbox/ended.ts';
import type { Masker } from '../../masking/masker.ts';
import { readStat } from '../../proc.ts';
import { createAgentStream } from '../acp/stream.ts';
import type { AgentProgram } from '../launch.ts';
import { oneLine } from './text.ts';
import { type Tree, watchTree } from './tree.ts';
import type { TurnLimits } from './turn-limits.ts';

/** How long an agent may take to leave by itself when its input ends, and after SIGTERM. */
const LEAVE_MS = 3_000;
const TERMINATE_MS = 2_000;
/** And what it had started, after it left. */
const LINGER_MS = 300;
const KEPT_LINES = 20;
const LINE_CHARACTERS = 500;
const MAX_LOG_BYTES = 16 * 1024 * 1024;

export interface AgentProcess {
  stream: Stream;
  pid: number;
  startTicks: number;
  /** A sentence on how it ended, once it has. */
  exited: Promise<string>;
  /** Its last words outside the protocol, masked: for evidence. */
  lastWords(): string[];
  /** It and all that it started. */
  pids(): number[];
  /** Ends it with everything that it started. Answers command lines of what it would have left running. */
  stop(): Promise<string[]>;
}

/** Starts the agent in a session and process group of its own. Answers a sentence when it cannot be started. */
export async function startAgent(options: {
  agent: AgentProgram;
  cwd: string;
  env: Record<string, string>;
  turn: string;
  masker: Masker;
  log: (message: string) => void;
  /** What it is started within. */
  layers?: readonly Layer[];
  /** What it and all that it starts may use. */
  limits?: TurnLimits;
  /** The last of the layers is a sandbox that holds. */
  sandboxed?: boolean;
}): Promise<AgentProcess | string> {
  const { agent, cwd, env, turn, masker, log, layers = [], limits, sandboxed = false } = options;
  const { file, args } = confine(agent, limits?.around(layers) ?? layers);
  const stdio: 'pipe'[] = ['pipe', 'pipe', 'pipe', ...(sandboxed ? ['pipe' as const] : [])];
  const child = spawn(file, args, { cwd, env, detached: true, stdio }) as ChildProcessByStdio<Writable, Readable, Readable>;
  const problem = await started(child);
  if (problem !== '') return `${agent.name} could not be started: ${problem}.`;
  const pid = child.pid ?? 0;
  const startTicks = readStat(pid)?.startTicks ?? 0;
  const tree = watchTree(turn, { pid, startTicks, sandboxed }, limits?.group);
  const words = keepWords(child.stderr, masker, log);
  const exited = new Promise<string>((resolve) => {
    const tell = (ended: EndedInside): void => {
      const exit = { code: ended.code, signal: ended.signal, description: howEnded(ended) };
      resolve((limits?.explain(exit, words.last()) ?? exit).description);
    };
    child.once('exit', (code, signal) => tell({ code, signal }));
    if (sandboxed) whenEndedInside(child.stdio[3] as Readable, tell);
  });
  // Writing to one that is gone is answered by the protocol's own error.
  child.stdin.on('error', () => undefined);
  return {
    stream: createAgentStream(child.stdin, child.stdout, words.add),
    pid,
    startTicks,
    exited,
    lastWords: words.last,
    pids: tree.pids,
    async stop() {
      const { running, left } = await stop(child, exited, tree);
      if (left.length > 0) log(`Processes of the agent could not be ended: ${left.join(', ')}.`);
      return running;
    },
  };
}

function howEnded({ code, signal, error }: EndedInside): string {
  if (error !== undefined) return `could not be started: ${error}`;
  return signal ? `was ended by ${signal}` : `exited with code ${code}`;
}

function started(child: ChildProcessByStdio<Writable, Readable, Readable>): Promise<string> {
  return new Promise((resolve) => {
    child.once('spawn', () => resolve(''));
    child.once('error', (error) => resolve(error.message));
  });
}

async function stop(
  child: ChildProcessByStdio<Writable, Readable, Readable>,
  exited: Promise<string>,
  tree: Tree,
): Promise<{ running: string[]; left: number[] }> {
  tree.forget();
  // The end of its input is what agents leave at in good order, and what makes them end their own shells.
  child.stdin.end();
  const abort = new AbortController();
  const hasLeft = await Promise.race([exited.then(() => true), sleep(LEAVE_MS, false, { signal: abort.signal })]);
  abort.abort();
  // An agent that did not leave is no background server; what it had started meanwhile may be.
  const running = hasLeft ? await tree.staying(LINGER_MS) : [];
  const { left } = await tree.end(TERMINATE_MS);
  child.stdin.destroy();
  child.stdout.destroy();
  child.stderr.destroy();
  return { running, left };
}

/** Lines for the log, and the last of them; the log of one turn has an end. */
function keepWords(stderr: Readable, masker: Masker, log: (message: string) => void): { add(line: string): void; last(): string[] } {
  const lines: string[] = [];
  let rest = '';
  let logged = 0;
  const add = (line: string): void => {
    const shown = oneLine(masker.whole(line), LINE_CHARACTERS);
    if (shown === '') return;
    lines.push(shown);
    if (lines.length > KEPT_LINES) lines.shift();
    logged += shown.length;
    if (logged < MAX_LOG_BYTES) log(`agent: ${shown}`);
  };
  stderr.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = (parts.pop() ?? '').slice(0, 64 * 1024);
    for (const part of parts) add(part);
  });
  stderr.on('end', () => add(rest));
  return { add, last: () => [...lines] };
}
