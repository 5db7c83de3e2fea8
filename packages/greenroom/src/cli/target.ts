import { type Address, createClient, type GreenroomClient } from '@greenroom/sdk/client';
import { MAX_SOCKET_PATH_BYTES } from '@greenroom/sdk/wire';
import { type Layout, layoutOf } from '../orchestrator/layout.ts';
import { findApp } from '../registry/find.ts';
import { exists, type RegisteredApp } from '../registry/index.ts';
import { runningOrchestrator } from '../registry/running.ts';
import { type Cli, CliError, EXIT } from './context.ts';
import type { AppFlags } from './flags.ts';

export interface Target {
  app: RegisteredApp;
  layout: Layout;
}

/** The app that the command is about. Throws `CliError` with exit code 4 when there is none or more than one. */
export async function findTarget(cli: Cli, flags: AppFlags): Promise<Target> {
  const found = await findApp({
    cwd: cli.cwd,
    home: cli.home,
    ...(flags.app === undefined ? {} : { app: flags.app }),
    ...(flags.data === undefined ? {} : { data: flags.data }),
  });
  if (!found.ok) throw new CliError(EXIT.appNotFound, found.code, found.error);
  return { app: found.app, layout: layoutOf(found.app.data) };
}

/** A client of the app's orchestrator. Throws `CliError` with exit code 3 when it is known not to run. */
export async function connect({ app, layout }: Target): Promise<GreenroomClient> {
  const address = await addressOf(layout);
  if (address) return createClient(address);
  throw new CliError(
    EXIT.unreachable,
    'unreachable',
    `The orchestrator of "${app.name}" is not running. Start it with: greenroom start --app ${app.name}`,
  );
}

/** The same over the operator's socket and no other way: what the operator alone may do is served there only. */
export async function connectAsOperator(target: Target, what: string): Promise<GreenroomClient> {
  const { app, layout } = target;
  if (await socketServes(layout)) return createClient({ socket: layout.operatorSocket });
  const byPort = await connect(target);
  const again = `greenroom stop --app ${app.name} --detach-app, then greenroom start --app ${app.name}`;
  throw new CliError(
    EXIT.unreachable,
    'operator_socket_missing',
    `\`${what}\` is for the operator alone and works over the operator socket only, which is missing: ${layout.operatorSocket}\nThe orchestrator answers at ${byPort.address}, where everybody on this machine can ask. Make the socket anew: ${again}`,
  );
}

/** The operator's socket; the port only of a process that is proven to be this app's, because any program may hold it by now. */
async function addressOf(layout: Layout): Promise<Address | undefined> {
  if (await socketServes(layout)) return { socket: layout.operatorSocket };
  const running = await runningOrchestrator(layout);
  return running && running.api_port !== 0 ? { port: running.api_port } : undefined;
}

async function socketServes({ operatorSocket }: Layout): Promise<boolean> {
  return Buffer.byteLength(operatorSocket) <= MAX_SOCKET_PATH_BYTES && (await exists(operatorSocket));
}
