/**
 * An agent for the runner's tests: it does what the last line of the message says, a JSON list of steps, and remembers its sessions in the folder
 * `FAKE_STATE`. `FAKE_CAN` names what it can (`resume`, `load`), `FAKE_FAULT` how it misbehaves.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import {
  type AgentContext,
  agent,
  methods,
  ndJsonStream,
  RequestError,
  type RequestPermissionRequest,
  type SessionUpdate,
} from '@agentclientprotocol/sdk';

export type Step =
  | { say: string }
  | { think: string }
  | { update: SessionUpdate }
  | { ask: { id: string; name: string; kind: 'allow_once' | 'allow_always' | 'reject_once' | 'reject_always' }[]; title: string }
  /** A file below the working directory, and a commit of it. */
  | { commit: string; file: string }
  | { write: string; text: string }
  /** Starts a process and leaves it; with `escape` in a session of its own, through a process that ends at once. */
  | { leave: string[]; escape?: boolean }
  /** Runs a line of the shell to its end and says how it ended. */
  | { run: string }
  /** Runs a program and says what it printed. */
  | { show: string[] }
  /** Takes memory without end. */
  | { eat: true }
  | { big: number }
  | { env: string }
  | { waitFor: string }
  | { ticks: number; everyMs: number }
  | { hang: true; deaf?: boolean }
  | { stop: 'refusal' | 'max_tokens' }
  | { stderr: string }
  | { noise: string }
  | { fail: string }
  | { exit: number };

const state = process.env['FAKE_STATE'] ?? '';
const can = (process.env['FAKE_CAN'] ?? '').split(',');
const fault = process.env['FAKE_FAULT'] ?? '';
const memory = (session: string): string => join(state, `${session}.jsonl`);
const cancelled = new Map<string, () => void>();

if (import.meta.main) serve();

function serve(): void {
  if (fault === 'exit') {
    process.stderr.write('cannot find my configuration, key is hunter2-secret\n');
    process.exit(3);
  }
  if (fault === 'rubbish') process.stdout.write('Welcome to the agent!\n{"not": \n');
  const stream = ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>);
  const connection = agent({ name: 'fake' })
    .onRequest(methods.agent.initialize, async () => {
      if (fault === 'silent') await new Promise(() => undefined);
      return {
        protocolVersion: fault === 'version' ? 99 : 1,
        agentInfo: { name: 'fake', version: '1.2.3' },
        agentCapabilities: {
          loadSession: can.includes('load'),
          sessionCapabilities: can.includes('resume') ? { resume: {} } : {},
          mcpCapabilities: { http: true },
        },
      };
    })
    .onRequest(methods.agent.session.new, ({ params }) => {
      if (fault === 'auth') throw RequestError.authRequired();
      const sessionId = `s${process.pid}-${Date.now()}`;
      appendFileSync(memory(sessionId), `${JSON.stringify({ new: params })}\n`);
      return { sessionId };
    })
    .onRequest(methods.agent.session.resume, ({ params }) => {
      known(params.sessionId);
      return {};
    })
    .onRequest(methods.agent.session.load, async ({ params, client }) => {
      known(params.sessionId);
      await client.notify(methods.client.session.update, {
        sessionId: params.sessionId,
        update: { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: 'old words, told again' } },
      });
      return {};
    })
    .onNotification(methods.agent.session.cancel, ({ params }) => cancelled.get(params.sessionId)?.())
    .onRequest(methods.agent.session.prompt, async ({ params, client }) => {
      const text = params.prompt.map((block) => (block.type === 'text' ? block.text : '')).join('');
      appendFileSync(memory(params.sessionId), `${JSON.stringify({ prompt: text })}\n`);
      const stopped = new Promise<'cancelled'>((resolve) => cancelled.set(params.sessionId, () => resolve('cancelled')));
      const script = text.split('\n').at(-1) ?? '';
      const steps = script.startsWith('[') ? (JSON.parse(script) as Step[]) : [{ say: `You said: ${script}` }];
      return { stopReason: await Promise.race([stopped, play(steps, params.sessionId, client, stopped)]) };
    })
    .connect(stream);
  // As real agents do: they leave when their input ends.
  if (fault !== 'clings') void connection.closed.then(() => process.exit(0));
  else process.on('SIGTERM', () => undefined);
}

function known(session: string): void {
  if (!existsSync(memory(session))) throw RequestError.resourceNotFound(session);
}

async function play(
  steps: Step[],
  sessionId: string,
  client: AgentContext,
  stopped: Promise<unknown>,
): Promise<'end_turn' | 'refusal' | 'max_tokens' | 'cancelled'> {
  const update = (it: SessionUpdate): Promise<void> => client.notify(methods.client.session.update, { sessionId, update: it });
  const say = (text: string): Promise<void> => update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } });
  for (const step of steps) {
    if ('say' in step) await say(step.say);
    else if ('think' in step) await update({ sessionUpdate: 'agent_thought_chunk', content: { type: 'text', text: step.think } });
    else if ('update' in step) await update(step.update);
    else if ('ask' in step) {
      const question: RequestPermissionRequest = {
        sessionId,
        toolCall: { toolCallId: 'ask1', title: step.title, kind: 'execute', rawInput: { command: 'rm -rf build' } },
        options: step.ask.map(({ id, name, kind }) => ({ optionId: id, name, kind })),
      };
      const { outcome } = await client.request(methods.client.session.requestPermission, question);
      await say(`answer: ${outcome.outcome === 'selected' ? outcome.optionId : outcome.outcome}`);
    } else if ('commit' in step) {
      const call = `c${step.commit}`;
      await update({ sessionUpdate: 'tool_call', toolCallId: call, title: 'git commit', kind: 'execute', status: 'in_progress' });
      writeFileSync(step.file, `${step.commit}\n`);
      execFileSync('git', ['add', step.file]);
      execFileSync('git', ['commit', '-qm', step.commit]);
      await update({ sessionUpdate: 'tool_call_update', toolCallId: call, status: 'completed' });
    } else if ('write' in step) writeFileSync(step.write, step.text);
    else if ('leave' in step) {
      const [program = '', ...args] = step.escape ? ['setsid', '--fork', ...step.leave] : step.leave;
      spawn(program, args, { stdio: 'ignore', detached: step.escape === true }).unref();
      await say('left');
    } else if ('run' in step) {
      const [code] = await once(spawn('/bin/sh', ['-c', step.run], { stdio: 'ignore' }), 'exit');
      await say(`ran: ${code} `);
    } else if ('show' in step) {
      const [program = '', ...args] = step.show;
      const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
      await say(`${stdout}${stderr}`);
    } else if ('eat' in step) {
      for (const kept: Buffer[] = []; ; ) kept.push(Buffer.alloc(4e6, 1));
    } else if ('big' in step) {
      const output = 'x'.repeat(step.big);
      await update({
        sessionUpdate: 'tool_call_update',
        toolCallId: 'big',
        title: 'print much',
        status: 'completed',
        content: [{ type: 'content', content: { type: 'text', text: `begin ${output} end` } }],
      });
    } else if ('env' in step) await say(`${step.env}=${process.env[step.env] ?? ''}`);
    else if ('waitFor' in step) await appears(step.waitFor);
    else if ('ticks' in step) {
      for (let tick = 0; tick < step.ticks; tick++) {
        await say(`${tick} `);
        await new Promise((resolve) => setTimeout(resolve, step.everyMs));
      }
    } else if ('hang' in step) {
      if (step.deaf) await new Promise(() => undefined);
      await stopped;
      return 'cancelled';
    } else if ('stop' in step) return step.stop;
    else if ('stderr' in step) process.stderr.write(`${step.stderr}\n`);
    else if ('noise' in step) process.stdout.write(`${step.noise}\n`);
    else if ('fail' in step) throw RequestError.internalError({ details: step.fail });
    else if ('exit' in step) process.exit(step.exit);
  }
  return 'end_turn';
}

async function appears(file: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = watch(dirname(file), (_, name) => {
    if (name === basename(file)) resolve();
  });
  if (!existsSync(file)) await promise;
  watcher.close();
}

/** What the agent was sent, by session, in order. */
export function remembered(folder: string, session: string): { new?: unknown; prompt?: string }[] {
  return readFileSync(join(folder, `${session}.jsonl`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { new?: unknown; prompt?: string });
}
