/**
 * A coding agent for demonstrations: it speaks the Agent Client Protocol like any other, and really edits, commits, deploys and rolls back. But it
 * asks no model: it follows a fixed set of spoken changes to the guestbook example, and says so.
 */
import { randomUUID } from 'node:crypto';
import { Readable, Writable } from 'node:stream';
import { agent, methods, ndJsonStream, PROTOCOL_VERSION } from '@agentclientprotocol/sdk';
import { VERSION } from '../version.ts';
import { findChange, helpText } from './demo/changes.ts';
import { createPerformer } from './demo/performer.ts';

export const DEMO_AGENT_NAME = 'greenroom-demo';

/** Serves one client over standard input and output until that ends. */
export async function runDemoAgent(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const folders = new Map<string, string>();
  const prompts = new Map<string, AbortController>();
  const app = agent({ name: DEMO_AGENT_NAME });

  app.onRequest(methods.agent.initialize, () => ({
    protocolVersion: PROTOCOL_VERSION,
    agentInfo: { name: DEMO_AGENT_NAME, title: 'Demo agent (scripted, no AI)', version: VERSION },
    agentCapabilities: { loadSession: false, sessionCapabilities: { resume: {} } },
    authMethods: [],
  }));
  app.onRequest(methods.agent.session.new, ({ params }) => {
    const sessionId = randomUUID();
    folders.set(sessionId, params.cwd);
    return { sessionId };
  });
  // It remembers nothing, so that any session can be resumed.
  app.onRequest(methods.agent.session.resume, ({ params }) => {
    folders.set(params.sessionId, params.cwd);
    return {};
  });
  app.onRequest(methods.agent.session.prompt, async ({ params, client }) => {
    const { sessionId, prompt } = params;
    const folder = folders.get(sessionId);
    if (folder === undefined) throw new Error(`there is no session ${sessionId}`);
    const abort = new AbortController();
    prompts.set(sessionId, abort);
    const performer = createPerformer({
      folder,
      env,
      signal: abort.signal,
      update: (update) => client.notify(methods.client.session.update, { sessionId, update }),
    });
    try {
      const message = prompt.findLast((block) => block.type === 'text')?.text ?? '';
      const change = findChange(message);
      if (change) await change.perform(performer, message);
      else await performer.say(helpText());
    } catch (error) {
      if (!abort.signal.aborted) await performer.say(`\n\nThat did not work: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      prompts.delete(sessionId);
    }
    return { stopReason: abort.signal.aborted ? 'cancelled' : 'end_turn' };
  });
  app.onNotification(methods.agent.session.cancel, ({ params }) => prompts.get(params.sessionId)?.abort());

  const stream = ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>);
  await app.connect(stream).closed;
}
