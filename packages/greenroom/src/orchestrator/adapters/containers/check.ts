import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { Contract } from '../../core/contract.ts';
import type { Layout } from '../../layout.ts';
import { containerOptions } from './arguments.ts';
import { type ContainerCli, reasonOf } from './cli.ts';
import { type ContainerSetup, containerSetup, type Identity } from './containers.ts';
import { LABEL } from './identity.ts';
import { inspectImage } from './inspect.ts';

const PULL_TIMEOUT_MS = 900_000;
/** There with control groups of version 2 only. */
const UNIFIED_CONTROLLERS = '/sys/fs/cgroup/cgroup.controllers';
const PACKAGES = { podman: 'podman crun catatonit uidmap', docker: 'docker.io' };

/** What keeps containers from being started, with what to do about it. */
export interface ContainerProblem {
  says: string;
  remedy: string;
}

export interface ContainerCheck {
  app: string;
  layout: Layout;
  contract: Contract;
  /** Fetches the image when it is not there, and says so. Without it nothing is fetched. */
  pull?: (sentence: string) => void;
}

/** Null when containers of this app can be started: tried by making one, which is removed at once. */
export async function checkContainers({ app, layout, contract, pull }: ContainerCheck): Promise<ContainerProblem | null> {
  const setup = containerSetup({ app, layout, contract });
  const { cli } = setup;
  // Podman and Docker split what they are told of a mount at commas.
  if (layout.data.includes(','))
    return { says: `the data directory ${layout.data} has a comma in its path`, remedy: 'Choose another --data.' };
  const version = await cli.run(['--version']);
  if (version.code !== 0)
    return {
      says: reasonOf(version),
      remedy: `Install it (on Debian: apt-get install ${PACKAGES[cli.program]}), or take "runner" out of the contract.`,
    };
  const identity = await setup.identity(contract.run_as);
  if (typeof identity === 'string')
    return { says: identity.replace(/\.$/, ''), remedy: 'docs/guides/containers.md says whom containers run as.' };
  if (identity.rootless && !hasSubordinateIds())
    return {
      says: `the user ${userInfo().username} has no subordinate ids, without which Podman maps no users`,
      remedy: `As root: usermod --add-subuids 200000-265535 --add-subgids 200000-265535 ${userInfo().username}`,
    };
  if (identity.rootless && isGrouped(setup.limits) && !existsSync(UNIFIED_CONTROLLERS))
    return {
      says: 'Podman without the rights of root holds no limits of memory, processor and processes where control groups are of version 1',
      remedy: 'Boot the machine with systemd.unified_cgroup_hierarchy=1, run Greenroom as root, or take them out of "limits.app".',
    };
  const { image } = contract.runner;
  // One that is built for each commit is not there before the first deploy.
  if (image === undefined) return null;
  return (await provideImage(cli, image, pull)) ?? (await tryToMake(setup, image, identity));
}

async function provideImage(cli: ContainerCli, image: string, pull: ContainerCheck['pull']): Promise<ContainerProblem | null> {
  const found = await inspectImage(cli, image);
  if (typeof found === 'string') return { says: found.replace(/\.$/, ''), remedy: `Look at what "${cli.program} info" says.` };
  if (found) return null;
  const remedy = `Run as this user: ${cli.program} pull ${image}`;
  if (!pull) return { says: `the image ${image} is not on this machine`, remedy };
  pull(`Fetching the image ${image}.`);
  const pulled = await cli.run(['pull', '--quiet', image], { timeoutMs: PULL_TIMEOUT_MS });
  return pulled.code === 0 ? null : { says: `the image ${image} cannot be fetched: ${reasonOf(pulled)}`, remedy };
}

async function tryToMake(setup: ContainerSetup, image: string, identity: Identity): Promise<ContainerProblem | null> {
  const { cli } = setup;
  const name = setup.nameOf(`check-${process.pid}`);
  const options = containerOptions({
    ...identity,
    program: cli.program,
    name,
    labels: { [LABEL.data]: setup.data, [LABEL.kind]: 'command' },
    mounts: [],
    env: {},
    limits: setup.limits,
  });
  const made = await cli.run(['create', ...options, image, 'true']);
  await cli.run(['rm', '--force', name]);
  if (made.code === 0) return null;
  const remedy = `Look at what "${cli.program} info" says; docs/guides/containers.md lists what containers need.`;
  return { says: `${cli.program} refuses a container: ${reasonOf(made)}`, remedy };
}

const isGrouped = ({ memory_mb, cpu_percent, processes }: ContainerSetup['limits']): boolean =>
  memory_mb !== undefined || cpu_percent !== undefined || processes !== undefined;

function hasSubordinateIds(): boolean {
  const { username, uid } = userInfo();
  return ['/etc/subuid', '/etc/subgid'].every((file) =>
    lines(file).some((line) => line.startsWith(`${username}:`) || line.startsWith(`${uid}:`)),
  );
}

function lines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return [];
    throw error;
  }
}
