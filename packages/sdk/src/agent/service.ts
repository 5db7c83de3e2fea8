import { spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HandOver } from '../chat.ts';
import { INSTANCE_ENV } from '../wire.ts';

/** A connection to the chat service, or why there is none: a sentence, and after how many seconds it is worth to ask again. */
export type Reached = { socket: Socket; problem?: never } | { socket?: never; problem: string; retryAfterS: number };

/** How long a service that was just started may take until it listens. */
const START_LIMIT_MS = 10_000;
/** When the started one ends: another process may have been faster, and its service be about to listen. */
const OTHER_START_MS = 2_000;
/** A service that could not be started is not tried again before. */
const RETRY_START_MS = 5_000;
const FIRST_LOOK_MS = 10;
const LAST_LOOK_MS = 200;

/** One start at a time for each socket, shared by the chat mount and `startTurn`; answers a problem, or ''. */
const starts = new Map<string, { problem: Promise<string>; failedAt: number }>();

/** Connects to the chat service, which is started when nothing listens on its socket. */
export async function reachService(handOver: HandOver): Promise<Reached> {
  const first = await tryConnect(handOver.chat_socket);
  if ('socket' in first) return first;
  if (!isAbsent(first.code)) return unreachable(handOver, first.code);
  const problem = await startOnce(handOver);
  if (problem) return { problem, retryAfterS: RETRY_START_MS / 1_000 };
  const second = await tryConnect(handOver.chat_socket);
  return 'socket' in second ? second : unreachable(handOver, second.code);
}

function tryConnect(path: string): Promise<{ socket: Socket } | { code: string }> {
  const { promise, resolve } = Promise.withResolvers<{ socket: Socket } | { code: string }>();
  const socket = connect(path);
  // Stays: a connection that breaks before somebody uses it must not end the app.
  socket.on('error', (error: NodeJS.ErrnoException) => resolve({ code: error.code ?? error.message }));
  socket.once('connect', () => resolve({ socket }));
  return promise;
}

function isAbsent(code: string): boolean {
  return code === 'ENOENT' || code === 'ECONNREFUSED';
}

function unreachable({ chat_socket }: HandOver, code: string): Reached {
  const problem =
    code === 'EACCES' || code === 'EPERM'
      ? `The app may not connect to the chat service: it needs leave to write to ${chat_socket}.`
      : `The chat service cannot be reached at ${chat_socket} (${code}). Try again.`;
  return { problem, retryAfterS: 1 };
}

function startOnce(handOver: HandOver): Promise<string> {
  const known = starts.get(handOver.chat_socket);
  if (known && (known.failedAt === 0 || performance.now() - known.failedAt < RETRY_START_MS)) return known.problem;
  const attempt = { problem: start(handOver), failedAt: 0 };
  starts.set(handOver.chat_socket, attempt);
  void attempt.problem.then((problem) => {
    if (problem) attempt.failedAt = performance.now();
    else starts.delete(handOver.chat_socket);
  });
  return attempt.problem;
}

/** Starts the service in a session of its own, so that it outlives the app, and waits until it listens. */
async function start({ command, data, chat_socket }: HandOver): Promise<string> {
  const [program = '', ...args] = command;
  const child = spawn(program, [...args, 'chat', '--mounted', '--data', data], {
    cwd: data,
    detached: true,
    stdio: 'ignore',
    env: shed(process.env),
  });
  child.unref();
  let deadline = performance.now() + START_LIMIT_MS;
  let ended = '';
  const end = (how: string): void => {
    ended = how;
    deadline = Math.min(deadline, performance.now() + OTHER_START_MS);
  };
  child.once('error', (error) => {
    end(error.message);
    // Nothing ran, so that nobody else can have been faster.
    deadline = 0;
  });
  child.once('exit', (code, signal) => end(signal ? `it was killed by ${signal}` : `it exited with code ${code}`));
  for (let pause = FIRST_LOOK_MS; ; pause = Math.min(pause * 1.5, LAST_LOOK_MS)) {
    const reached = await tryConnect(chat_socket);
    if ('socket' in reached) {
      reached.socket.destroy();
      return '';
    }
    if (performance.now() >= deadline) break;
    await sleep(pause);
  }
  const why = ended || `it did not listen on ${chat_socket} within ${START_LIMIT_MS / 1_000} seconds`;
  return `The chat service could not be started: ${why}. On the server, "greenroom chat --mounted --data ${data}" shows what is wrong.`;
}

/** The environment without what makes a process part of an instance of the app, or a worker or debuggee of this one. */
function shed(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = new Set<string>([
    ...Object.values(INSTANCE_ENV),
    'NODE_OPTIONS',
    'NODE_CHANNEL_FD',
    'NODE_CHANNEL_SERIALIZATION_MODE',
    'NODE_UNIQUE_ID',
  ]);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.has(name)));
}
