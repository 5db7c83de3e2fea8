/**
 * A chat service in memory, for the tests of the element: the HTTP table of `@greenroom/sdk/chat` over events that a test appends. It can be cut off,
 * lose answers, and come back on its port.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ChatConversation, ChatEvent, ChatEventBody, ChatRefusal, ChatSession, ChatState, ChatUser } from '@greenroom/sdk/chat';
import { openAssets } from '../../src/ui-files.ts';

export interface Call {
  method: string;
  path: string;
  body: Record<string, unknown>;
}

export interface Fixture {
  origin: string;
  session: ChatSession;
  state: ChatState;
  /** A token that has to be given to `/api/login` first. */
  token: string;
  /** Every call that changed something, or tried to. */
  calls: Call[];
  /** HTML of pages of the app, by path. */
  pages: Map<string, string>;
  /** Sent with every page and asset. */
  headers: Record<string, string>;
  /** Takes the next message and breaks the connection instead of answering. */
  loseNextAnswer: boolean;
  /** Refuses the next change so. */
  refuseNext: { status: number; refusal: ChatRefusal } | null;
  conversation(title?: string): ChatConversation;
  append(conversation: string, turn: string, ...bodies: ChatEventBody[]): ChatEvent[];
  /** Events as they are, for transcripts that are made elsewhere. */
  load(conversation: string, events: ChatEvent[]): void;
  events(conversation: string): ChatEvent[];
  /** Tells all streams of the state. */
  setState(change: Partial<ChatState>): void;
  /** How many streams are open. */
  streams(): number;
  /** Until the next stream is given up. */
  left(): Promise<void>;
  /** Ends all connections and refuses new ones until `resume`. */
  cut(): Promise<void>;
  resume(): Promise<void>;
  /** The next call that matches. */
  called(path: RegExp): Promise<Call>;
  close(): Promise<void>;
}

export const ADA: ChatUser = { id: 'ada', name: 'Ada' };
export const CHAT_PATH = '/.greenroom';
export const LIVE = 'a1b2c3d4e5f60718293a4b5c6d7e8f9012345678';
export const PREVIOUS = '0f1e2d3c4b5a69788796a5b4c3d2e1f001234567';

const assets = openAssets('chat');

export async function startFixture(): Promise<Fixture> {
  const conversations = new Map<string, { info: ChatConversation; events: ChatEvent[] }>();
  const streams = new Map<ServerResponse, string>();
  const leaving: (() => void)[] = [];
  const waiting = new Set<{ path: RegExp; done: (call: Call) => void }>();
  const posts = new Map<string, { turn: string; seq: number }>();
  let ids = 0;
  let seq = 0;
  let loggedIn = false;
  let server: Server;

  const fixture: Fixture = {
    origin: '',
    session: { user: ADA, can_approve: true, app: 'guestbook', agent: 'OpenCode 1.18', scripted: false, approval: false, login: false },
    state: {
      running: null,
      queued: [],
      app: { live_commit: LIVE, healthy: true, deploying: '', previous_commit: PREVIOUS, frozen: false },
    },
    token: '',
    calls: [],
    pages: new Map(),
    headers: {},
    loseNextAnswer: false,
    refuseNext: null,
    conversation(title = 'A conversation') {
      const now = new Date().toISOString();
      const info: ChatConversation = { id: `c${++ids}`, title, user: ADA, created_at: now, updated_at: now, last_seq: 0 };
      conversations.set(info.id, { info, events: [] });
      return info;
    },
    append(conversation, turn, ...bodies) {
      const time = (): string => new Date().toISOString();
      const events = bodies.map((body): ChatEvent => ({ seq: ++seq, time: time(), conversation, turn, ...body }));
      fixture.load(conversation, events);
      for (const event of events) for (const [response, id] of streams) if (id === conversation) send(response, event);
      return events;
    },
    load(id, events) {
      const conversation = conversations.get(id);
      if (!conversation) throw new Error(`no conversation ${id}`);
      for (const event of events) conversation.events.push(event);
      seq = Math.max(seq, events.at(-1)?.seq ?? 0);
      conversation.info.last_seq = seq;
    },
    events: (id) => conversations.get(id)?.events ?? [],
    setState(change) {
      Object.assign(fixture.state, change);
      for (const response of streams.keys()) sendState(response);
    },
    streams: () => streams.size,
    left: () => new Promise((done) => leaving.push(done)),
    async cut() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
    async resume() {
      server = await listen(Number(new URL(fixture.origin).port));
    },
    called(path) {
      const known = fixture.calls.find((call) => path.test(`${call.method} ${call.path}`));
      if (known) return Promise.resolve(known);
      return new Promise((done) => waiting.add({ path, done }));
    },
    async close() {
      await fixture.cut();
    },
  };

  function send(response: ServerResponse, event: ChatEvent): void {
    response.write(`event: chat\nid: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  function sendState(response: ServerResponse): void {
    response.write(`event: state\ndata: ${JSON.stringify(fixture.state)}\n\n`);
  }

  async function listen(port: number): Promise<Server> {
    const one = createServer((request, response) => void answer(request, response));
    await new Promise<void>((done, fail) => one.once('error', fail).listen(port, '127.0.0.1', done));
    return one;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fixture');
    const page = fixture.pages.get(url.pathname);
    if (page !== undefined) return reply(response, 200, page, 'text/html; charset=utf-8');
    if (!url.pathname.startsWith(`${CHAT_PATH}/`)) return reply(response, 404, 'not found', 'text/plain');
    const path = url.pathname.slice(CHAT_PATH.length + 1);
    const asset = path.startsWith('api/') ? null : assets.get(path);
    if (asset) return reply(response, 200, asset.body, asset.type);
    if (!path.startsWith('api/')) return reply(response, 404, 'not found', 'text/plain');
    const body = await read(request);
    const [status, value] = api(request, response, path.slice(4), url, body);
    if (status !== 0) reply(response, status, status === 204 ? '' : JSON.stringify(value), 'application/json');
  }

  function reply(response: ServerResponse, status: number, body: string | Buffer, type: string): void {
    response.writeHead(status, { 'content-type': type, ...fixture.headers }).end(body);
  }

  /** Status and body; status 0: answered already. */
  function api(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    url: URL,
    body: Record<string, unknown>,
  ): [number, unknown] {
    const method = request.method ?? '';
    if (method !== 'GET') {
      const call = { method, path, body };
      if (request.headers['x-greenroom-request'] !== '1') return refuse(403, 'forbidden', 'The header X-Greenroom-Request is missing.');
      fixture.calls.push(call);
      for (const one of waiting)
        if (one.path.test(`${method} ${path}`)) {
          waiting.delete(one);
          one.done(call);
        }
      if (fixture.refuseNext) {
        const { status, refusal } = fixture.refuseNext;
        fixture.refuseNext = null;
        return [status, refusal];
      }
    }
    if (path === 'login') {
      loggedIn = body['token'] === fixture.token;
      return loggedIn ? [204, null] : refuse(401, 'unauthorized', 'This token is not valid.');
    }
    if (fixture.token && !loggedIn) return [401, { code: 'unauthorized', error: 'Log in first.', login: true }];
    if (path === 'logout') {
      loggedIn = false;
      return [204, null];
    }
    if (path === 'session') return [200, fixture.session];
    if (path === 'conversations' && method === 'GET')
      return [200, { conversations: [...conversations.values()].map((one) => one.info).reverse() }];
    if (path === 'conversations') return [201, fixture.conversation(String(body['title'] ?? ''))];
    const [, id = '', rest = ''] = /^conversations\/([^/]+)(?:\/(.*))?$/.exec(path) ?? [];
    if (id) return ofConversation(request, response, { id, rest, url, body });
    return [202, {}];
  }

  function ofConversation(
    request: IncomingMessage,
    response: ServerResponse,
    { id, rest, url, body }: { id: string; rest: string; url: URL; body: Record<string, unknown> },
  ): [number, unknown] {
    const conversation = conversations.get(id);
    if (!conversation) return refuse(404, 'not_found', 'There is no such conversation.');
    if (request.method === 'PATCH') {
      conversation.info.title = String(body['title']);
      return [200, conversation.info];
    }
    if (request.method === 'DELETE') {
      conversations.delete(id);
      return [204, null];
    }
    if (rest === 'events') {
      const before = Number(url.searchParams.get('before') ?? Number.POSITIVE_INFINITY);
      const limit = Number(url.searchParams.get('limit') ?? 300);
      const older = conversation.events.filter((event) => event.seq < before);
      return [200, { events: older.slice(-limit), more: older.length > limit }];
    }
    if (rest === 'stream') {
      const after = Number(request.headers['last-event-id'] ?? url.searchParams.get('after') ?? 0);
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      for (const event of conversation.events) if (event.seq > after) send(response, event);
      sendState(response);
      streams.set(response, id);
      response.on('close', () => {
        streams.delete(response);
        for (const tell of leaving.splice(0)) tell();
      });
      return [0, null];
    }
    const post = String(body['id']);
    const known = posts.get(post);
    const posted = known ?? { turn: `t${seq + 1}`, seq: seq + 1 };
    if (!known) {
      posts.set(post, posted);
      fixture.append(
        id,
        posted.turn,
        { kind: 'message', id: post, text: String(body['text']), user: ADA },
        { kind: 'turn', status: 'queued', detail: '' },
      );
    }
    if (fixture.loseNextAnswer) {
      fixture.loseNextAnswer = false;
      request.socket.destroy();
      return [0, null];
    }
    return [202, posted];
  }

  server = await listen(0);
  fixture.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return fixture;
}

function refuse(status: number, code: ChatRefusal['code'], error: string): [number, ChatRefusal] {
  return [status, { code, error }];
}

async function read(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text ? (JSON.parse(text) as Record<string, unknown>) : {};
}
