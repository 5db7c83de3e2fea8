import { type CommandRequest, type CommandResult, MARKER, runCommand } from '../command.ts';
import { type ContainerSpec, containerOptions, inherited, type Mount } from './arguments.ts';
import type { ContainerSetup, Identity } from './containers.ts';
import { LABEL } from './identity.ts';

export interface CommandContainer {
  /** One at a time has it. */
  id: string;
  commit: string;
  mounts: readonly Mount[];
  identity: Identity;
  limits: ContainerSpec['limits'];
}

/** Runs a command as `runCommand` does, in a container of the image that the commit runs in. Nothing of the container stays. */
export async function runInContainer(
  setup: ContainerSetup,
  { id, commit, mounts, identity, limits }: CommandContainer,
  request: CommandRequest,
): Promise<CommandResult> {
  const { cli } = setup;
  const { cwd, env } = request;
  const name = setup.nameOf(id);
  const remove = (): Promise<unknown> => cli.run(['rm', '--force', '--volumes', name]);
  const options = containerOptions({
    ...identity,
    program: cli.program,
    name,
    labels: { [LABEL.data]: setup.data, [LABEL.kind]: 'command' },
    mounts,
    workdir: setup.workdir(cwd),
    env,
    limits,
  });
  const words = ['run', '--rm', ...options, `--env=${MARKER}`, setup.imageOf(commit)];
  // What a run that was killed left behind has the same name.
  await remove();
  try {
    return await runCommand({
      ...request,
      env: { ...inherited(env), ...cli.environment },
      layers: [({ file, args }) => ({ file: cli.program, args: [...words, file, ...args] })],
    });
  } finally {
    await remove();
  }
}
