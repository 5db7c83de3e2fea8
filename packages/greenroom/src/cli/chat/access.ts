import { type AppAddress, createAskApp, createTokens, isLoopback, type TokenValues, tokenProblems } from '../../agent/chat.ts';
import { createSecrets, SecretsError } from '../../orchestrator/adapters/secrets.ts';
import type { Contract } from '../../orchestrator/core/contract.ts';
import { CliError, EXIT } from '../context.ts';
import type { Target } from '../target.ts';

const CHAT_TOKEN = 'GREENROOM_CHAT_TOKEN';
const APPROVE_TOKEN = 'GREENROOM_APPROVE_TOKEN';

export type ChatAccess = { tokens: ReturnType<typeof createTokens>; askApp: ReturnType<typeof createAskApp> | null };

/** How callers from outside are known, by contract and secrets. Throws `CliError` when a token must not be used. */
export async function readAccess({ layout }: Target, contract: Contract, env: NodeJS.ProcessEnv): Promise<ChatAccess> {
  const values = await readTokens(layout, contract, env);
  const problems = tokenProblems(values);
  if (problems.length > 0) throw new CliError(EXIT.failed, 'weak_token', problems.join('\n'));
  const path = contract.agent?.authorize_endpoint;
  const askApp = path === undefined ? null : createAskApp({ at: internalAddress(contract), path });
  return { tokens: createTokens(values), askApp };
}

function internalAddress({ port, internal_port, internal_socket }: Contract): AppAddress {
  return internal_socket === undefined ? { port: internal_port ?? port } : { socketPath: internal_socket };
}

/** Throws `CliError` unless somebody can be let in, and nobody who should not be. */
export function requireAccess(
  { tokens, askApp }: ChatAccess,
  { noLogin, host, port, secrets }: { noLogin: boolean; host: string; port: number | undefined; secrets: string },
): void {
  if (noLogin && (port === undefined || !isLoopback(host))) {
    throw new CliError(
      EXIT.usage,
      'usage',
      '--no-login lets in whoever reaches the chat: it needs --port, and a --host that only this machine reaches, such as 127.0.0.1.',
    );
  }
  if (tokens || askApp || noLogin) return;
  throw new CliError(
    EXIT.failed,
    'no_authorization',
    [
      'Nothing says who may chat, and whoever may chat can change the app: the chat is not started. Choose a way:',
      `- a token, for you and those you give it to: put ${CHAT_TOKEN}=… into ${secrets} (make one with: openssl rand -hex 24)`,
      `  Those who may also approve deploys and roll back can have one of their own: ${APPROVE_TOKEN}=…`,
      "- your app's own log-in: name a path on its internal port or socket in the contract, for example",
      '  "agent": { "authorize_endpoint": "/greenroom-authorize" }',
      '  It answers 200 with {"user": {"id": "7", "name": "Ada"}, "approve": true}, or 403. See docs/guides/chat.md',
      '- inside your app, with createChat({ authorize }) of @greenroom/sdk/app: then it runs by itself, without this command',
      '- to try it on this machine only: greenroom chat --port 9180 --no-login',
    ].join('\n'),
  );
}

async function readTokens(layout: Target['layout'], contract: Contract, env: NodeJS.ProcessEnv): Promise<TokenValues> {
  try {
    const { values } = await createSecrets({ layout, contract, env }).read([CHAT_TOKEN, APPROVE_TOKEN]);
    return { chat: values[CHAT_TOKEN] ?? '', approve: values[APPROVE_TOKEN] ?? '' };
  } catch (error) {
    if (error instanceof SecretsError) throw new CliError(EXIT.failed, 'secrets_unreadable', error.message);
    throw error;
  }
}
