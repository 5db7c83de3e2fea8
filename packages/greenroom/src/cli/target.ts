import { readFile } from 'node:fs/promises';
import { type Address, createClient, type GreenroomClient } from '@greenroom/sdk/client';
import { type Layout, layoutOf } from '../orchestrator/layout.ts';
import { readBootId, runsStill } from '../proc.ts';
import { findApp } from '../registry/find.ts';
import { exists, type RegisteredApp } from '../registry/index.ts';
import { type Cli, CliError, EXIT } from './context.ts';
import type { AppFlags } from './flags.ts';

/** Longest path of a Unix socket on Linux, in bytes. */
export const MAX_SOCKET_PATH_BYTES = 107;

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
  return running ? { port: running.api_port } : undefined;
}

async function socketServes({ operatorSocket }: Layout): Promise<boolean> {
  return Buffer.byteLength(operatorSocket) <= MAX_SOCKET_PATH_BYTES && (await exists(operatorSocket));
}

/** `run/orchestrator.json`. */
export interface PidFile {
  pid: number;
  start_ticks: number;
  boot_id: string;
  api_port: number;
}

/** The orchestrator that runs on this data directory now; undefined when the process that the pid file names is gone. */
export async function runningOrchestrator(layout: Pick<Layout, 'pidFile'>): Promise<PidFile | undefined> {
  const file = await readPidFile(layout.pidFile);
  return file && isAlive(file) ? file : undefined;
}

/** Whether it is still that process: same pid, same start, same boot of the machine. */
export function isAlive(file: PidFile): boolean {
  return file.boot_id === readBootId() && runsStill(file.pid, file.start_ticks);
}

async function readPidFile(path: string): Promise<PidFile | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return isPidFile(value) ? value : undefined;
  } catch (error) {
    // With a file where a folder should be, there is no orchestrator either: whoever needs the folder says so.
    const absent = ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
    if (error instanceof SyntaxError || absent) return undefined;
    throw error;
  }
}

function isPidFile(value: unknown): value is PidFile {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, start_ticks, boot_id, api_port } = value as Record<string, unknown>;
  return [pid, start_ticks, api_port].every(Number.isInteger) && typeof boot_id === 'string';
}
