import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import type { ChatCaller, ChatEvent, ChatState } from '@greenroom/sdk/chat';
import { createClient } from '@greenroom/sdk/client';
import { parseEventStream } from '../../../../sdk/src/client/sse.ts';
import { type ChatOptions, type ChatService, createAskApp, createTokens, serveChat, type TokenValues } from '../../../src/agent/chat.ts';
import { openTranscript, type Transcript } from '../../../src/agent/transcript.ts';
import { type Answer, ask } from '../../e2e/ask.ts';
import { type StandIn, standInOrchestrator } from './orchestrator.ts';

export const ADA: ChatCaller = { user: { id: 'u1', name: 'Ada' }, approve: true };
export const BOB: ChatCaller = { user: { id: 'u2', name: 'Bob' }, approve: false };
export const CHAT_TOKEN = 'chat-token-of-this-test';
export const APPROVE_TOKEN = 'approve-token-of-this-test';
export const PATH = '/.greenroom';

export interface Rig {
  root: string;
  transcript: Transcript;
  orchestrator: StandIn;
  service: ChatService;
  socket: string;
  appSocket: string;
  /** How often a runner was started, and dead turns were looked for. */
  calls: { started: number; reaped: number };
  logged: string[];
  /** One call below the chat's path; JSON and the chat's header with whatever is no GET. */
  call(where: Where, method: string, path: string, options?: CallOptions): Promise<Answer>;
  conversation(): string;
}

/** Which listener: the app's with a caller, the proxy's, the port. */
export type Where = ChatCaller | 'proxy' | 'tcp';

export interface CallOptions {
  body?: unknown;
  headers?: Record<string, string>;
}

export interface RigOptions
  extends Partial<Pick<ChatOptions, 'reap' | 'mayBeginTurn' | 'messagesPerMinute' | 'requestsPerMinute' | 'heartbeatMs'>> {
  tokens?: Partial<TokenValues>;
  endpoint?: { port: number; path: string };
  /** `open`: as with `--no-login`. */
  tcp?: 'closed' | 'open';
  chatPath?: string;
}

/** A service in this process on real sockets, with a stand-in for the orchestrator. */
export async function openRig(t: TestContext, options: RigOptions = {}): Promise<Rig> {
  const root = mkdtempSync(join(tmpdir(), 'chat-'));
  mkdirSync(join(root, 'run'));
  const at = (name: string): string => join(root, 'run', name);
  const transcript = openTranscript(join(root, 'agent', 'transcript.db'));
  const orchestrator = await standInOrchestrator(at('operator.sock'));
  const calls = { started: 0, reaped: 0 };
  const logged: string[] = [];
  const { tokens, endpoint, tcp, chatPath = PATH, ...given } = options;
  const service = await serveChat({
    app: 'shop',
    chatPath,
    agent: { name: 'Scripted', scripted: true },
    approval: true,
    mayBeginTurn: () => null,
    reap: async () => {
      calls.reaped += 1;
    },
    ...given,
    transcript,
    client: createClient({ socket: at('operator.sock') }),
    assets: { get: (path) => ASSETS[path] ?? null },
    access: {
      tokens: createTokens({ chat: '', approve: '', ...tokens }),
      askApp: endpoint ? createAskApp({ at: { port: endpoint.port }, path: endpoint.path }) : null,
    },
    listen: {
      socket: at('chat.sock'),
      appSocket: at('chat-app.sock'),
      ...(tcp ? { tcp: { host: '127.0.0.1', port: 0, open: tcp === 'open' } } : {}),
    },
    startRunner() {
      calls.started += 1;
    },
    log: (message) => void logged.push(message),
  });
  t.after(async () => {
    await service.close();
    await orchestrator.close();
    transcript.close();
    rmSync(root, { recursive: true, force: true });
  });
  const rig: Rig = {
    root,
    transcript,
    orchestrator,
    service,
    socket: at('chat.sock'),
    appSocket: at('chat-app.sock'),
    calls,
    logged,
    call: (where, method, path, more = {}) =>
      ask({ ...addressOf(rig, where), method, path: chatPath + path, ...prepared(where, method, more) }),
    conversation: () => transcript.createConversation({ title: 'A talk', user: ADA.user }).id,
  };
  return rig;
}

const ASSETS: Record<string, { body: Buffer; type: string; etag: string; cacheControl: string }> = {
  '/': { body: Buffer.from('<title>chat</title>'), type: 'text/html; charset=utf-8', etag: '"p"', cacheControl: 'no-cache' },
  '/chat.js': { body: Buffer.from('export {}'), type: 'text/javascript; charset=utf-8', etag: '"e"', cacheControl: 'no-cache' },
  '/assets/1/a.js': { body: Buffer.from('1'), type: 'text/javascript; charset=utf-8', etag: '"a"', cacheControl: 'immutable' },
};

function addressOf(rig: Rig, where: Where): { socket: string } | { port: number } {
  if (where === 'tcp') return { port: rig.service.port };
  return { socket: where === 'proxy' ? rig.socket : rig.appSocket };
}

function prepared(where: Where, method: string, { body, headers = {} }: CallOptions): { headers: Record<string, string>; body?: unknown } {
  const changing = method === 'GET' || method === 'HEAD' ? {} : { 'x-greenroom-request': '1' };
  const json = body === undefined ? {} : { 'content-type': 'application/json' };
  return { headers: { ...changing, ...json, ...callerHeader(where), ...headers }, ...(body === undefined ? {} : { body }) };
}

function callerHeader(where: Where): Record<string, string> {
  return typeof where === 'string' ? {} : { 'x-greenroom-caller': Buffer.from(JSON.stringify(where)).toString('base64url') };
}

export interface Reader {
  response: IncomingMessage;
  /** Chat events and states in the order they came. */
  next(): Promise<{ event: ChatEvent } | { state: ChatState } | null>;
  /** Reads until a chat event or state says so; answers the events so far. Fails when the stream ends first. */
  until(done: (event: ChatEvent | null, state: ChatState | null) => boolean): Promise<ChatEvent[]>;
  close(): void;
}

/** Opens the stream of a conversation on a socket or a port. */
export async function openStream(
  where: string | number,
  conversation: string,
  { lastEventId, query = '', headers = callerHeader(ADA) }: { lastEventId?: number; query?: string; headers?: Record<string, string> } = {},
): Promise<Reader> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = request(
    {
      ...(typeof where === 'number' ? { host: '127.0.0.1', port: where } : { socketPath: where }),
      path: `${PATH}/api/conversations/${conversation}/stream${query}`,
      agent: false,
      headers: { ...headers, ...(lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) }) },
    },
    resolve,
  );
  sent.on('error', reject);
  sent.end();
  const response = await promise;
  const messages = parseEventStream(response);
  const reader: Reader = {
    response,
    async next() {
      const { value, done } = await messages.next();
      if (done) return null;
      const data = JSON.parse(value.data) as ChatEvent & ChatState;
      return value.event === 'state' ? { state: data } : { event: data };
    },
    async until(done) {
      const events: ChatEvent[] = [];
      for (;;) {
        const read = await reader.next();
        if (!read) throw new Error(`the stream ended after ${events.length} events`);
        if ('event' in read) events.push(read.event);
        if (done('event' in read ? read.event : null, 'state' in read ? read.state : null)) return events;
      }
    },
    close: () => void response.destroy(),
  };
  return reader;
}

export const codeOf = ({ body }: Answer): string => String((JSON.parse(body) as { code?: string }).code);

/** Appends notices all at once. */
export function fill({ root }: Rig, conversation: string, texts: readonly string[]): void {
  const sql = new DatabaseSync(join(root, 'agent', 'transcript.db'));
  const insert = sql.prepare("INSERT INTO events (conversation, turn, kind, time, body) VALUES (?, 't', 'notice', ?, ?)");
  sql.exec('BEGIN');
  for (const text of texts) insert.run(conversation, Date.now(), JSON.stringify({ kind: 'notice', level: 'info', text }));
  sql.exec('COMMIT');
  sql.close();
}
