import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { CLI, type Greenroom } from '../../bench/harness/greenroom.ts';
import {
  CHAT_REQUEST_HEADER,
  type ChatConversation,
  type ChatEvent,
  type ChatPosted,
  type ChatSession,
  type ChatState,
  DEFAULT_CHAT_PATH,
  type TurnStatus,
} from '../../packages/sdk/src/chat.ts';
import { parseEventStream } from '../../packages/sdk/src/client/sse.ts';

/** How a turn ended; `detail` is a sentence, or empty. */
export interface Ended {
  status: TurnStatus;
  detail: string;
}

/** `greenroom chat` as a process of its own, and one conversation in it, by HTTP as a browser has it. */
export interface DemoChat {
  /** Resolves when it serves. */
  ready(): Promise<ChatSession>;
  /** Logs a browser in, and leads to the page with the chat open. */
  link: string;
  /** Sends a message and follows until its turn is over; each event is told as it comes. Throws when the stream of events ends before. */
  ask(text: string, onEvent: (event: ChatEvent) => void): Promise<Ended>;
  /** Tells each event of the conversation from its beginning, all on one stream, until the signal ends it. Throws when the stream ends before. */
  follow(onEvent: (event: ChatEvent) => void, signal: AbortSignal): Promise<void>;
  /** Cancels what the agent does and what waits, of whatever conversation; resolves when nothing runs, or after the milliseconds. */
  quiet(limitMs: number): Promise<void>;
  /** Empty when it ended as it should, else how. */
  stop(): Promise<string>;
}

/** Of its last words, in characters. */
const MAX_COMPLAINTS = 4_000;
const OVER: readonly TurnStatus[] = ['completed', 'cancelled', 'interrupted', 'limited', 'failed'];

export function startChat({ url, greenroom }: { url: string; greenroom: Greenroom }): DemoChat {
  const token = randomBytes(24).toString('hex');
  // In a session of its own: Ctrl-C in the terminal is for the caller, who then ends it in order.
  const service = spawn(process.execPath, [CLI, 'chat', '--data', greenroom.data], {
    env: { ...process.env, GREENROOM_HOME: greenroom.home, GREENROOM_CHAT_TOKEN: token, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const serves = once(createInterface({ input: service.stdout }), 'line');
  let complaints = '';
  service.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = `${complaints}${text}`.slice(-MAX_COMPLAINTS);
  });
  const exited = once(service, 'exit').then(([code, signal]) => (code === 0 ? '' : `the chat ended with ${signal ?? code}: ${complaints}`));
  let conversation = '';

  const send = (method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> =>
    fetch(`${url}${DEFAULT_CHAT_PATH}/api${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, [CHAT_REQUEST_HEADER]: '1', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  const call = async (...request: Parameters<typeof send>): Promise<Response> => {
    const [method, path] = request;
    const response = await send(...request);
    if (!response.ok) throw new Error(`the chat answered ${method} ${path} with ${response.status}: ${await response.text()}`);
    return response;
  };
  const stream = async function* (after: number, signal?: AbortSignal) {
    const { body } = await call('GET', `/conversations/${conversation}/stream?after=${after}`, undefined, signal);
    if (body) yield* parseEventStream(body);
  };

  return {
    link: `${url}${DEFAULT_CHAT_PATH}/login?token=${token}&next=${encodeURIComponent('/?chat')}`,
    async ready() {
      await Promise.race([serves, exited.then((how) => Promise.reject(new Error(how)))]);
      const session = (await (await call('GET', '/session')).json()) as ChatSession;
      const created = (await (await call('POST', '/conversations', {})).json()) as ChatConversation;
      conversation = created.id;
      return session;
    },
    async ask(text, onEvent) {
      const posted = await call('POST', `/conversations/${conversation}/messages`, { id: randomUUID(), text });
      const { turn, seq } = (await posted.json()) as ChatPosted;
      for await (const { event, data } of stream(seq)) {
        if (event !== 'chat') continue;
        const said = JSON.parse(data) as ChatEvent;
        if (said.turn !== turn) continue;
        onEvent(said);
        if (said.kind === 'turn' && OVER.includes(said.status)) return { status: said.status, detail: said.detail };
      }
      throw new Error('the chat ended the stream of events in the middle of a turn');
    },
    async follow(onEvent, signal) {
      try {
        for await (const { event, data } of stream(0, signal)) if (event === 'chat') onEvent(JSON.parse(data) as ChatEvent);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
      if (!signal.aborted) throw new Error('the chat ended the stream of events');
    },
    async quiet(limitMs) {
      if (conversation === '') return;
      const limit = AbortSignal.timeout(limitMs);
      const asked = new Set<string>();
      try {
        for await (const { event, data } of stream(0, limit)) {
          if (event !== 'state') continue;
          const { running, queued } = JSON.parse(data) as ChatState;
          if (!running && queued.length === 0) return;
          for (const { id } of [...queued, ...(running ? [running] : [])].filter((turn) => !asked.has(turn.id))) {
            asked.add(id);
            await send('POST', `/turns/${id}/cancel`, {}); // refused when it ended just now
          }
        }
      } catch (error) {
        if (!limit.aborted) throw error;
      }
    },
    async stop() {
      // Before it listens for signals it just ends.
      if (!service.kill('SIGTERM')) return await exited;
      const how = await exited;
      return service.signalCode === 'SIGTERM' ? '' : how;
    },
  };
}
