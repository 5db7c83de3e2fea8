import { INSTANCE_ENV } from '@greenroom/sdk/wire';
import type { Layer } from '../../../confine/command.ts';
import type { Limiter } from '../../../confine/limiter.ts';
import type { Contract } from '../../core/contract.ts';
import type { Layout } from '../../layout.ts';
import type { Instance } from '../../ports.ts';
import { type CommandResult, notStarted, runCommand } from '../command.ts';
import { runInContainer } from '../containers/command.ts';
import { containerSetup } from '../containers/containers.ts';
import { appEnvironment } from '../instances/environment.ts';
import { internalAddress, urlOf } from './address.ts';

export interface SmokeContext {
  app: string;
  contract: Contract;
  layout: Layout;
  slotDirectory: string;
  host: string;
  /** The orchestrator's own environment, of which a short list passes. */
  env: NodeJS.ProcessEnv;
  layers: readonly Layer[];
  limiter?: Limiter;
}

/**
 * Runs the smoke test against the candidate. It gets no secrets, and the id of the instance: should the orchestrator die meanwhile, what is
 * left of the test is ended together with the instance.
 */
export async function runSmokeTest(
  command: string,
  instance: Instance,
  context: SmokeContext,
  signal: AbortSignal,
): Promise<CommandResult> {
  const { contract, slotDirectory, host, layers, limiter } = context;
  const setup = contract.runner.kind === 'container' ? containerSetup(context) : undefined;
  const around = (await setup?.surroundings(context.env, instance.commit)) ?? { env: context.env };
  if (typeof around === 'string') return notStarted(around);
  const address = { host, port: instance.port };
  const internal = internalAddress(instance, host);
  const env = appEnvironment({
    slotDirectory,
    from: around.env,
    ...('nodeFolder' in around && { nodeFolder: around.nodeFolder }),
    contractEnv: contract.env,
    greenroom: {
      [INSTANCE_ENV.marker]: '1',
      [INSTANCE_ENV.app]: context.app,
      [INSTANCE_ENV.contract]: context.layout.contractCopy,
      [INSTANCE_ENV.instance]: instance.instance,
      [INSTANCE_ENV.slot]: instance.slot,
      [INSTANCE_ENV.commit]: instance.commit,
      [INSTANCE_ENV.port]: String(instance.port),
      GREENROOM_URL: urlOf(address, ''),
      ...('socket' in internal
        ? { [INSTANCE_ENV.internalSocket]: internal.socket }
        : { [INSTANCE_ENV.internalPort]: String(internal.port), GREENROOM_INTERNAL_URL: urlOf(internal, '') }),
    },
  });
  const request = { command, cwd: slotDirectory, env, timeoutMs: contract.smoke_timeout_ms, signal };
  if (!setup) return await runCommand({ ...request, layers, ...(limiter && { limiter }) });
  const identity = await setup.identity(contract.run_as);
  if (typeof identity === 'string') return notStarted(identity);
  const mounts = setup.mounts(slotDirectory);
  return await runInContainer(
    setup,
    { id: `smoke-${instance.instance}`, commit: instance.commit, mounts, identity, limits: setup.limits },
    request,
  );
}
