import { createServer, type ServerResponse } from 'node:http';
import type { AttemptView, EventMessage, Status } from '@greenroom/sdk/wire';

/** An orchestrator's operator socket as far as the chat uses it; it keeps what it was asked. */
export interface StandIn {
  asked: { path: string; body: Record<string, unknown> }[];
  /** Tells of an attempt, now and to whoever connects later. */
  tell(attempt: AttemptView): void;
  /** What `/status` answers from now on. */
  status: Partial<Status>;
  /** What `/approve`, `/deny` and `/rollback` answer. */
  decision: { status: number; body: object };
  close(): Promise<void>;
}

export async function standInOrchestrator(socket: string): Promise<StandIn> {
  const streams = new Set<ServerResponse>();
  const messages: EventMessage[] = [];
  const textOf = (message: EventMessage): string => `id: ${message.seq}\nevent: ${message.type}\ndata: ${JSON.stringify(message)}\n\n`;
  const server = createServer(async (request, response) => {
    const path = request.url ?? '';
    if (path === '/events') {
      const last = Number(request.headers['last-event-id'] ?? Number.MAX_SAFE_INTEGER);
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': connected\n\n');
      for (const message of messages) if (message.seq > last) response.write(textOf(message));
      streams.add(response);
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    if (path === '/status') {
      const status = { live_commit: 'c1', previous_commit: 'c0', healthy: true, attempt: null, freeze: null, ...standIn.status };
      response.end(JSON.stringify(status));
      return;
    }
    standIn.asked.push({ path, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) });
    response.writeHead(standIn.decision.status).end(JSON.stringify(standIn.decision.body));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const standIn: StandIn = {
    asked: [],
    status: {},
    decision: { status: 200, body: { success: true, id: 'd9', state: 'approved' } },
    tell(attempt) {
      const message = { seq: messages.length + 1, time: new Date().toISOString(), type: 'step', attempts: [attempt] };
      messages.push(message);
      for (const stream of streams) stream.write(textOf(message));
    },
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return standIn;
}

export function attempt(id: string, conversation: string, fields: Partial<AttemptView> = {}): AttemptView {
  return {
    id,
    kind: 'deploy',
    status: 'running',
    promoted: false,
    commit: 'c2',
    branch: 'machine',
    slot: 'b',
    previous_commit: 'c1',
    trigger: 'agent',
    caller: 'agent-socket',
    reason: '',
    requested_at: '2026-02-01T12:00:00.000Z',
    started_at: '',
    finished_at: '',
    duration_ms: 0,
    steps: [],
    origin: { conversation, turn: 't1' },
    ...fields,
  };
}
