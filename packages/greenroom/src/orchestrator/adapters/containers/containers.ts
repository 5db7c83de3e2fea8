import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ResourceLimits } from '../../../confine/limits.ts';
import { findUser, type RunAs } from '../../../confine/users.ts';
import type { Contract } from '../../core/contract.ts';
import type { ContainerProgram } from '../../core/contract-runner.ts';
import type { Layout } from '../../layout.ts';
import { PRELOAD } from '../instances/listen-sockets.ts';
import type { ContainerSpec, Mount } from './arguments.ts';
import { type ContainerCli, createContainerCli } from './cli.ts';
import { containerName } from './identity.ts';
import { inspectImage } from './inspect.ts';

export type Identity = Pick<ContainerSpec, 'user' | 'rootless'>;

/** What the containers of one app have in common. */
export interface ContainerSetup {
  readonly cli: ContainerCli;
  /** The data directory. */
  readonly data: string;
  /** Name of the container of this id. */
  nameOf(id: string): string;
  /** Of an instance. */
  readonly limits: ResourceLimits;
  /** Of a commit: the contract's image, or the one that was built for it. */
  imageOf(commit: string): string;
  /** Whom a container runs as: that user, or this process's; a sentence when that is not possible. */
  identity(as: RunAs | undefined): Promise<Identity | string>;
  /** What an instance sees of the machine: nothing of the release when that is in the image. */
  mounts(slotDirectory: string): Mount[];
  /** Undefined for the image's own. */
  workdir(slotDirectory: string): string | undefined;
  /** What an instance takes over from the image and from around it. */
  surroundings(env: NodeJS.ProcessEnv, commit: string): Promise<{ env: NodeJS.ProcessEnv; nodeFolder: string } | string>;
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Variables that name places or people of this machine, which a container has not got. */
const NOT_PASSED = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'TMPDIR'];

export interface ContainerSetupOptions {
  app: string;
  layout: Layout;
  contract: Contract;
  /** The contract's when left out. */
  program?: ContainerProgram | undefined;
}

/** The program gets what it acts on of this process's own environment. */
export function containerSetup({ app, layout, contract, program = contract.runner.program }: ContainerSetupOptions): ContainerSetup {
  const { runner } = contract;
  const cli = createContainerCli(program, process.env);
  const uid = process.getuid?.() ?? 0;
  const rootless = program === 'podman' && uid !== 0;
  const ownIdentity = { user: { uid, gid: process.getgid?.() ?? 0 }, rootless };
  const imageOf = (commit: string): string => runner.image ?? imageTag(app, commit);
  return {
    cli,
    data: layout.data,
    nameOf: (id) => containerName(layout.data, id),
    limits: contract.limits?.app ?? {},
    imageOf,
    async identity(as) {
      if (as === undefined) return ownIdentity;
      if (rootless)
        return 'run_as: Podman without the rights of root runs containers as its own user only. Take run_as out of the contract.';
      const user = await findUser(as);
      return typeof user === 'string' ? `${user}.` : { user, rootless };
    },
    mounts(slotDirectory) {
      const sockets = contract.router.kind !== 'embedded' && contract.router.upstream === 'socket';
      const all: Mount[] = [
        ...(runner.build === undefined ? [{ path: slotDirectory, writable: false }] : []),
        { path: dirname(layout.contractCopy), writable: false },
        ...(contract.shared_paths.length > 0 ? [{ path: layout.shared, writable: true }] : []),
        ...(contract.internal_socket === undefined ? [] : [{ path: layout.internalSockets, writable: true }]),
        ...(sockets
          ? [
              { path: layout.sockets, writable: true },
              { path: PRELOAD, writable: false },
            ]
          : []),
      ];
      return all.filter(({ path }) => path === slotDirectory || existsSync(path));
    },
    workdir: (slotDirectory) => (runner.build === undefined ? slotDirectory : undefined),
    async surroundings(around, commit) {
      const name = imageOf(commit);
      const image = await inspectImage(cli, name);
      if (typeof image === 'string') return image;
      if (image === null)
        return `The image ${name} is not on this machine. ${runner.build === undefined ? `Run: ${program} pull ${name}` : ''}`;
      const passed = Object.entries(around).filter(([variable]) => !NOT_PASSED.includes(variable));
      return { env: { ...Object.fromEntries(passed), PATH: image.path || DEFAULT_PATH, HOME: '/tmp' }, nodeFolder: '' };
    },
  };
}

/** `greenroom/shop:0a1b…`: names of images are in lower case. */
export function imageTag(app: string, commit: string): string {
  return `${imageRepository(app)}:${commit}`;
}

export function imageRepository(app: string): string {
  return `localhost/greenroom/${app.toLowerCase()}`;
}
