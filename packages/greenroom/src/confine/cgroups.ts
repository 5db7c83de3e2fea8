import { accessSync, constants, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Group, type GroupPlaces, openGroup } from './cgroup-group.ts';
import { CONTROLLERS, type Controller, findHierarchies, type Hierarchy } from './cgroup-mounts.ts';

/** Where root makes its groups when its own place is not given to it: a folder at the top of each tree. */
const DEFAULT_ROOT_FOLDER = 'greenroom';
const FOLDER_NAME = /^[A-Za-z0-9][\w-]*$/;
/** Every group of ours begins so. */
const PREFIX = 'greenroom-';
/** Greenroom's own processes: a group of version 2 holds either processes or groups with limits. */
const SELF = `${PREFIX}self`;

/** What there is of control groups here. */
export interface Cgroups {
  /** What they can bound; nothing where this process may make none. */
  readonly controllers: readonly Controller[];
  /** For people: "cgroup v2 in /sys/fs/cgroup/system.slice/greenroom-shop.service". Empty without any. */
  readonly place: string;
  /** The group `greenroom-<name>`, made when it is not there. Throws the system's error. */
  open(name: string): Group;
  /** Names of groups that are there and begin so. */
  list(prefix: string): string[];
}

/** For this process; `GREENROOM_CGROUP` names another folder for root's groups. */
export function openCgroups(env: NodeJS.ProcessEnv): Cgroups {
  const named = env['GREENROOM_CGROUP'] ?? '';
  return findCgroups({
    mountinfo: readFileSync('/proc/self/mountinfo', 'utf8'),
    self: readFileSync('/proc/self/cgroup', 'utf8'),
    pid: process.pid,
    rootFolder: FOLDER_NAME.test(named) ? named : DEFAULT_ROOT_FOLDER,
  });
}

export interface CgroupOptions {
  /** Text of `/proc/self/mountinfo` and of `/proc/self/cgroup`. */
  mountinfo: string;
  self: string;
  pid: number;
  rootFolder: string;
}

/**
 * Finds where this process may make control groups, and makes itself ready for that: it moves into a group of its own where version 2 wants it to.
 * In the place that systemd delegates to a service, or, as root, at the top of each tree. May be called again by another process of the same place.
 */
export function findCgroups(options: CgroupOptions): Cgroups {
  const { unified, v1 } = findHierarchies(options.mountinfo, options.self);
  const places: GroupPlaces = { controllers: {}, tree: '' };
  const whole = unified && placeUnified(unified, options);
  if (whole) {
    places.tree = whole.base;
    for (const controller of whole.controllers) places.controllers[controller] = { base: whole.base, version: 2 };
  }
  for (const controller of CONTROLLERS) {
    const hierarchy = v1[controller];
    if (places.controllers[controller] || !hierarchy) continue;
    const base = placeV1(hierarchy, options);
    if (base !== '') places.controllers[controller] = { base, version: 1 };
  }
  return cgroupsAt(places);
}

function cgroupsAt(places: GroupPlaces): Cgroups {
  const controllers = CONTROLLERS.filter((controller) => places.controllers[controller]);
  const bases = [...new Set([places.tree, ...controllers.map((it) => places.controllers[it]?.base ?? '')])].filter((base) => base !== '');
  const version = controllers.some((it) => places.controllers[it]?.version === 1) ? 'v1' : 'v2';
  return {
    controllers,
    place: controllers.length === 0 ? '' : `cgroup ${version} in ${bases.at(-1)}`,
    open: (name) => openGroup(places, `${PREFIX}${name}`),
    list(prefix) {
      const names = bases.flatMap((base) => folders(base)).filter((name) => name.startsWith(`${PREFIX}${prefix}`));
      return [...new Set(names)].map((name) => name.slice(PREFIX.length));
    },
  };
}

/** Where groups of version 2 can be made; its controllers are none where they all belong to version 1. */
function placeUnified({ mount, own }: Hierarchy, options: CgroupOptions): { base: string; controllers: Controller[] } | undefined {
  const place = isOurs(own) ? dirname(own) : own;
  const offered = words(join(place, 'cgroup.controllers')).filter(isController);
  if (offered.length > 0 && isWritable(place)) {
    const controllers = takeOver(place, offered, options.pid);
    if (controllers.length > 0) return { base: place, controllers };
  }
  const base = join(mount, options.rootFolder);
  try {
    mkdirSync(base, { recursive: true });
    const above = enable(mount, words(join(mount, 'cgroup.controllers')).filter(isController));
    leave(own, base, options.pid);
    return { base, controllers: enable(base, above) };
  } catch (error) {
    return refused(error);
  }
}

/** Moves this process into a group of its own below the place, so that controllers can be handed on to the others there. Undone when that is refused. */
function takeOver(place: string, offered: Controller[], pid: number): Controller[] {
  const self = join(place, SELF);
  try {
    mkdirSync(self, { recursive: true });
    writeFileSync(join(self, 'cgroup.procs'), String(pid));
    const enabled = enable(place, offered);
    if (enabled.length > 0) return enabled;
    writeFileSync(join(place, 'cgroup.procs'), String(pid));
    rmdirSync(self);
  } catch (error) {
    refused(error);
  }
  return [];
}

/** Those of the controllers that groups below the folder now have. */
function enable(folder: string, controllers: Controller[]): Controller[] {
  const file = join(folder, 'cgroup.subtree_control');
  return controllers.filter((controller) => {
    if (words(file).includes(controller)) return true;
    try {
      writeFileSync(file, `+${controller}`);
      return true;
    } catch (error) {
      refused(error);
      return false;
    }
  });
}

/** Empty where this process may make no groups. */
function placeV1({ mount, own }: Hierarchy, { rootFolder, pid }: CgroupOptions): string {
  const base = join(mount, rootFolder);
  try {
    mkdirSync(base, { recursive: true });
    leave(own, base, pid);
    return base;
  } catch (error) {
    refused(error);
    return '';
  }
}

/** A runner that an instance of the app started is not bound with it. */
function leave(own: string, base: string, pid: number): void {
  if (!isOurs(own) || basename(own) === SELF) return;
  const self = join(base, SELF);
  mkdirSync(self, { recursive: true });
  writeFileSync(join(self, 'cgroup.procs'), String(pid));
}

/** Not a unit of systemd's. */
const isOurs = (folder: string): boolean => /^greenroom-.*(?<!\.(?:service|scope|slice))$/.test(basename(folder));

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    accessSync(join(folder, 'cgroup.procs'), constants.W_OK);
    return true;
  } catch (error) {
    refused(error);
    return false;
  }
}

function words(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split(/\s+/).filter(Boolean);
  } catch (error) {
    refused(error);
    return [];
  }
}

function folders(base: string): string[] {
  try {
    return readdirSync(base);
  } catch (error) {
    refused(error);
    return [];
  }
}

const isController = (name: string): name is Controller => CONTROLLERS.some((controller) => controller === name);

/** What the operating system refuses is no bug: there are no control groups then. */
function refused(error: unknown): undefined {
  if (!(error instanceof Error && 'code' in error)) throw error;
}
