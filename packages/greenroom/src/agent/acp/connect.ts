import {
  type ClientConnection,
  client,
  type InitializeResponse,
  type LoadSessionRequest,
  type McpServer,
  methods,
  PROTOCOL_VERSION,
  type PromptRequest,
  RequestError,
  type RequestPermissionRequest,
  type RequestPermissionResponse,
  type SessionModeState,
  type SessionUpdate,
  type Stream,
} from '@agentclientprotocol/sdk';
import { VERSION } from '../../version.ts';

/** Agents that are run by a package manager may have to be fetched first. */
export const INITIALIZE_MS = 60_000;
const SESSION_MS = 120_000;
const AUTH_REQUIRED = -32_000;

/** What an agent wants of its client. */
export interface Listener {
  update(update: SessionUpdate): void;
  permission(request: RequestPermissionRequest, withdrawn: AbortSignal): Promise<RequestPermissionResponse>;
}

export interface AgentLink {
  connection: ClientConnection;
  /** What it said of itself. */
  about: InitializeResponse;
}

/** Why an agent cannot be worked with. `auth`: it wants a log-in; `silent`: it did not answer in time; `version`: it speaks another version. */
export class AgentProblem extends Error {
  override readonly name = 'AgentProblem';
  readonly kind: 'auth' | 'silent' | 'version' | 'refused';

  constructor(kind: AgentProblem['kind'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/**
 * Greets an agent. Neither files nor terminals are offered to it: it has its own, as its own user, and one process alone writes the workspace.
 * Throws `AgentProblem`, or what broke the connection.
 */
export async function greet(stream: Stream, listener: Listener, timeoutMs = INITIALIZE_MS): Promise<AgentLink> {
  const connection = client({ name: 'greenroom' })
    .onNotification(methods.client.session.update, ({ params }) => listener.update(params.update))
    .onRequest(methods.client.session.requestPermission, ({ params, signal }) => listener.permission(params, signal))
    .connect(stream);
  const about = await within(
    timeoutMs,
    'initialize',
    connection.agent.request(methods.agent.initialize, {
      protocolVersion: PROTOCOL_VERSION,
      clientInfo: { name: 'greenroom', title: 'Greenroom', version: VERSION },
      clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
    }),
  );
  if (about.protocolVersion !== PROTOCOL_VERSION) {
    throw new AgentProblem(
      'version',
      `it speaks version ${about.protocolVersion} of the Agent Client Protocol, and Greenroom speaks version ${PROTOCOL_VERSION}`,
    );
  }
  return { connection, about };
}

export interface SessionWish {
  cwd: string;
  mcpServers: McpServer[];
  /** The agent's own session of this conversation; null when it has none. */
  saved: string | null;
  /** Mode to ask for; empty for the agent's own choice. */
  mode: string;
  /** Called around what the agent tells again of an old session: none of it is news. */
  replaying(now: boolean): void;
  log(message: string): void;
}

/** Takes the saved session up, or opens a new one when that does not work. Throws as `greet` does. */
export async function openSession(
  { connection, about }: AgentLink,
  wish: SessionWish,
  timeoutMs = SESSION_MS,
): Promise<{ id: string; resumed: boolean }> {
  const { agent } = connection;
  const { cwd, mcpServers, saved } = wish;
  const can = about.agentCapabilities;
  const again = saved === null ? null : await takeUp(saved);
  if (again) return again;
  const opened = await within(timeoutMs, 'session/new', agent.request(methods.agent.session.new, { cwd, mcpServers }));
  await setMode(opened.sessionId, opened.modes);
  return { id: opened.sessionId, resumed: false };

  async function takeUp(sessionId: string): Promise<{ id: string; resumed: boolean } | null> {
    const request: LoadSessionRequest = { sessionId, cwd, mcpServers };
    const ways: (() => Promise<{ modes?: SessionModeState | null }>)[] = [
      ...(can?.sessionCapabilities?.resume ? [() => agent.request(methods.agent.session.resume, request)] : []),
      ...(can?.loadSession ? [() => agent.request(methods.agent.session.load, request)] : []),
    ];
    for (const way of ways) {
      wish.replaying(true);
      try {
        const answer = await within(timeoutMs, 'session/load', way());
        // What it told before its answer is handled by now.
        await new Promise((resolve) => setImmediate(resolve));
        await setMode(sessionId, answer?.modes);
        return { id: sessionId, resumed: true };
      } catch (error) {
        if (connection.signal.aborted || isAuthRequired(error)) throw problemOf(error);
        wish.log(`The agent's session ${sessionId} could not be taken up: ${messageOf(error)}`);
      } finally {
        wish.replaying(false);
      }
    }
    return null;
  }

  async function setMode(sessionId: string, modes: SessionModeState | null | undefined): Promise<void> {
    const has = modes?.availableModes.some(({ id }) => id === wish.mode);
    if (!has || modes?.currentModeId === wish.mode) return;
    await within(timeoutMs, 'session/set_mode', agent.request(methods.agent.session.setMode, { sessionId, modeId: wish.mode }));
  }
}

/** Sends a message and waits until the agent is done with it, however long that takes. */
export async function prompt({ connection }: AgentLink, sessionId: string, blocks: readonly string[]): Promise<string> {
  try {
    const request: PromptRequest = { sessionId, prompt: blocks.map((text) => ({ type: 'text', text })) };
    const { stopReason } = await connection.agent.request(methods.agent.session.prompt, request);
    return stopReason;
  } catch (error) {
    throw problemOf(error);
  } finally {
    // Updates are handled a few ticks after they came in: none of them may come after the end.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Asks the agent to stop; its prompt then ends by itself. */
export async function cancel({ connection }: AgentLink, sessionId: string): Promise<void> {
  if (!connection.signal.aborted) await connection.agent.notify(methods.agent.session.cancel, { sessionId }).catch(() => undefined);
}

export function messageOf(error: unknown): string {
  const details =
    error instanceof RequestError && typeof error.data === 'object' && error.data !== null
      ? (error.data as { details?: unknown }).details
      : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return typeof details === 'string' && !message.includes(details) ? `${message}: ${details}` : message;
}

async function within<T>(ms: number, call: string, answer: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new AgentProblem('silent', `it did not answer ${call} within ${Math.round(ms / 1_000)} s`)), ms);
  try {
    return await Promise.race([promise, answer]);
  } catch (error) {
    throw problemOf(error);
  } finally {
    clearTimeout(timer);
    // A late failure of what nobody waits for any more is none of our business.
    answer.catch(() => undefined);
  }
}

function problemOf(error: unknown): unknown {
  if (isAuthRequired(error)) return new AgentProblem('auth', 'it is not logged in', { cause: error });
  if (error instanceof RequestError) return new AgentProblem('refused', messageOf(error), { cause: error });
  return error;
}

function isAuthRequired(error: unknown): boolean {
  return (error instanceof RequestError && error.code === AUTH_REQUIRED) || (error instanceof AgentProblem && error.kind === 'auth');
}
