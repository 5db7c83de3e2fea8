import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { chatCompletions } from './chat-completions.ts';
import type { Conversation, ModelApi, Reply } from './conversation.ts';
import { generateContent } from './generate-content.ts';
import { messages } from './messages.ts';
import { responses } from './responses.ts';
import { openSchema } from './schema.ts';
import { positionIn, type Scripts } from './script.ts';
import { callFor } from './tools.ts';

const APIS = [chatCompletions, responses, messages, generateContent].map((api) => ({ ...api, check: openSchema(api.schema, api.type) }));

export interface Model {
  /** `http://127.0.0.1:PORT`, for all APIs. */
  url: string;
  /** What was wrong with a request, an answer, or the way through the script. A test without any has been followed to the letter. */
  problems: string[];
  /** Requests for steps of a script. */
  steps: number;
  close(): Promise<void>;
}

/**
 * A stand-in for the models of several vendors: follows the script that the user's message names and holds no state. Every request and every
 * event of its answers is checked against the vendor's types.
 */
export async function openModel({ scripts, workspace }: { scripts: Scripts; workspace: () => string }): Promise<Model> {
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      model.problems.push(`${request.method} ${request.url}: ${String(error)}`);
      response.destroy();
    });
  });
  const model: Model = { url: await listen(server), problems: [], steps: 0, close: () => close(server) };
  return model;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const path = new URL(request.url ?? '/', 'http://model').pathname;
    const api = request.method === 'POST' ? APIS.find((each) => each.answers(path)) : undefined;
    if (api === undefined) {
      model.problems.push(`asked for ${request.method} ${request.url}, which the stand-in does not have: ${body.slice(0, 300)}`);
      response
        .writeHead(404, { 'content-type': 'application/json' })
        .end('{"error":{"message":"not found","type":"not_found","code":404}}');
      return;
    }
    const parsed: unknown = JSON.parse(body);
    model.problems.push(...api.check('Request', parsed));
    const events = api.events(replyTo(api.read(parsed)), modelOf(parsed, path));
    for (const { data } of events) model.problems.push(...api.check('Event', data));
    send(response, api, events);
  }

  function replyTo(conversation: Conversation): Reply {
    const id = String(conversation.items.length);
    // Agents ask for titles and summaries without offering tools.
    if (conversation.offers.length === 0) return { id, text: 'Guestbook' };
    const position = positionIn(conversation, scripts);
    if (position === null) {
      model.problems.push(`asked after the end of the script: ${JSON.stringify(conversation.items.slice(-3)).slice(0, 1_000)}`);
      return { id, text: 'The script has ended.' };
    }
    model.steps++;
    const { step, before } = position;
    const told = before?.step.expect;
    if (before && told && !told.test(before.result)) {
      model.problems.push(`the result of ${JSON.stringify(before.step)} does not match ${told}: ${before.result.slice(0, 2_000)}`);
    }
    if (step.do === 'say') return { id, text: step.text };
    const call = callFor(step, conversation.offers, workspace());
    if (call !== null) return { id, text: `Now I ${step.do}. `, call };
    const names = conversation.offers.map(({ namespace = '', name }) => `${namespace}${name}`);
    model.problems.push(`no tool for ${JSON.stringify(step)} among ${names.join(', ')}`);
    return { id, text: 'There is no tool for that.' };
  }
}

function send(response: ServerResponse, api: ModelApi, events: ReturnType<ModelApi['events']>): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  for (const { event, data } of events)
    response.write(`${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`);
  response.end(api.last === undefined ? '' : `data: ${api.last}\n\n`);
}

/** Named in the body, or in the path as `models/NAME:method`. */
function modelOf(body: unknown, path: string): string {
  if (body !== null && typeof body === 'object' && 'model' in body && typeof body.model === 'string') return body.model;
  return /models\/([^:/]+)/.exec(path)?.[1] ?? 'stand-in';
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A test that broke off without closing it still ends.
  server.unref();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function close(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}
