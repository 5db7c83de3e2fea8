import { chown, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { INSTANCE_ENV } from '@greenroom/sdk/wire';
import { type CommandRequest, type CommandResult, notStarted, runCommand } from '../command.ts';
import { runInContainer } from '../containers/command.ts';
import { containerSetup } from '../containers/containers.ts';
import { appEnvironment } from '../instances/environment.ts';
import type { SlotContext } from './context.ts';

/** Variable in the environment of everything that a setup command starts; its value is the slot's folder. */
export const SETUP_MARKER = 'GREENROOM_SETUP';
/** Installers behind a proxy or a private certificate authority need these; they name files and hosts. */
const NETWORK_SETTINGS = [
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'PIP_CERT',
  'REQUESTS_CA_BUNDLE',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
];

/** Runs the setup command in its slot, where the app runs: what it installs in a container's stead would not fit. */
export async function runSetupCommand(
  context: SlotContext,
  commit: string,
  request: Omit<CommandRequest, 'cwd' | 'env' | 'layers' | 'limiter'>,
): Promise<CommandResult> {
  const { contract, directory, setup, limiter } = context;
  if (contract.runner.kind === 'container') return await runContained(context, commit, request);
  const env = setupEnvironment(context, commit, { env: setup.env, nodeFolder: dirname(process.execPath) });
  return await runCommand({ ...request, cwd: directory, env, layers: setup.layers, ...(limiter && { limiter }) });
}

async function runContained(
  context: SlotContext,
  commit: string,
  request: Omit<CommandRequest, 'cwd' | 'env' | 'layers' | 'limiter'>,
): Promise<CommandResult> {
  const { app, contract, layout, directory, slot } = context;
  const containers = containerSetup({ app, layout, contract });
  const inside = await containers.surroundings(process.env, commit);
  if (typeof inside === 'string') return notStarted(`was not started: ${inside}`);
  const identity = await containers.identity(contract.setup_run_as ?? contract.run_as);
  if (typeof identity === 'string') return notStarted(`was not started: ${identity}`);
  // Where installers keep what they fetched: a container's own files end with it.
  const home = join(layout.data, 'setup-home');
  await mkdir(home, { recursive: true, mode: 0o700 });
  if (process.getuid?.() === 0) await chown(home, identity.user.uid, identity.user.gid);
  const mounts = [
    { path: directory, writable: true },
    { path: home, writable: true },
    ...(contract.shared_paths.length > 0 ? [{ path: layout.shared, writable: true }] : []),
  ];
  const container = { id: `setup-${slot}`, commit, mounts, identity, limits: contract.limits?.setup ?? {} };
  const env = { ...setupEnvironment(context, commit, inside), HOME: home };
  return await runInContainer(containers, container, { ...request, cwd: directory, env });
}

function setupEnvironment(
  { contract, directory, slot }: SlotContext,
  commit: string,
  around: { env: NodeJS.ProcessEnv; nodeFolder: string },
): Record<string, string> {
  const env = appEnvironment({
    slotDirectory: directory,
    from: around.env,
    nodeFolder: around.nodeFolder,
    contractEnv: { ...networkSettings(), ...contract.env },
    greenroom: { [INSTANCE_ENV.marker]: '1', [INSTANCE_ENV.slot]: slot, [INSTANCE_ENV.commit]: commit, [SETUP_MARKER]: directory },
  });
  // Before setup the folder may not be there yet; what it installs is for its own later parts too.
  const tools = join(directory, 'node_modules', '.bin');
  return env['PATH']?.startsWith(tools) ? env : { ...env, PATH: `${tools}:${env['PATH'] ?? ''}` };
}

/** A proxy whose URL carries a password is a secret, and no secret reaches setup. */
function networkSettings(): Record<string, string> {
  return Object.fromEntries(
    NETWORK_SETTINGS.flatMap((name) => {
      const value = process.env[name];
      return value === undefined || value.includes('@') ? [] : [[name, value]];
    }),
  );
}
