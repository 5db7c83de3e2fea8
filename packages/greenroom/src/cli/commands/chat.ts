import { buildCommand } from '@stricli/core';
import { holdSockets } from '../chat/hold.ts';
import type { ServiceFlags } from '../chat/service.ts';
import { action, type Cli, EXIT } from '../context.ts';
import { type AppFlags, appFlags, description, port, text } from '../flags.ts';
import { findTarget } from '../target.ts';

type ChatFlags = AppFlags & ServiceFlags;

export const chat = buildCommand<ChatFlags, [], Cli>({
  func: action(async (cli: Cli, flags: ChatFlags) => {
    const stop = stopAsked();
    const target = await findTarget(cli, flags);
    const held = await holdSockets(target.layout, flags.mounted);
    try {
      const { runChat } = await import('../chat/service.ts');
      await runChat(cli, target, flags, held, stop);
    } finally {
      await held.release();
    }
    return EXIT.ok;
  }),
  parameters: {
    flags: {
      port: { kind: 'parsed', parse: port, optional: true, brief: 'Serve it on this port too, past the proxy', placeholder: 'N' },
      host: { kind: 'parsed', parse: text, default: '127.0.0.1', brief: 'Address of that port', placeholder: 'ADDRESS' },
      noLogin: {
        kind: 'boolean',
        default: false,
        withNegated: false,
        brief: 'Let in whoever reaches that port, which only this machine can',
      },
      mounted: {
        kind: 'boolean',
        default: false,
        withNegated: false,
        brief: "Serve the app's own mount and nothing else; the SDK starts this",
      },
      ...appFlags,
    },
  },
  docs: {
    brief: 'Serve the chat with the coding agent, behind the app or on a port',
    fullDescription: description(
      'The proxy leads the contract’s `agent.chat_path` here, past the app, so that no deploy touches a conversation. Somebody has to say who may chat: a token (GREENROOM_CHAT_TOKEN in secrets.env), or the app (`agent.authorize_endpoint`). Ctrl-C or SIGTERM stops it; turns of the agent go on.',
      [
        ['greenroom chat', "below the app's own address"],
        ['greenroom chat --port 9180 --no-login', 'to try it on this machine'],
      ],
    ),
  },
});

/** Listened for from the first moment, so that a stop during start-up is not lost. */
function stopAsked(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => resolve());
  return promise;
}
