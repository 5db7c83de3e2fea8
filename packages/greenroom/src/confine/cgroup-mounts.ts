import { resolve } from 'node:path';

/** What the kernel can bound by control groups, by the names of its controllers. */
export const CONTROLLERS = ['memory', 'cpu', 'pids'] as const;
export type Controller = (typeof CONTROLLERS)[number];

/** One tree of control groups, and the group of it that this process is in, as absolute folders. */
export interface Hierarchy {
  mount: string;
  own: string;
}

export interface Hierarchies {
  /** The one tree of cgroup v2. */
  unified?: Hierarchy;
  /** Trees of version 1, one for each controller. */
  v1: Partial<Record<Controller, Hierarchy>>;
}

interface Mount {
  /** Which group of the tree is mounted, `/` for all of it. */
  root: string;
  folder: string;
  type: string;
  options: string[];
}

/** Finds the trees of this process from the texts of `/proc/self/mountinfo` and `/proc/self/cgroup`. */
export function findHierarchies(mountinfo: string, self: string): Hierarchies {
  const mounts = mountinfo.split('\n').flatMap(parseMount);
  const found: Hierarchies = { v1: {} };
  for (const line of self.split('\n')) {
    const [id, controllers, path] = splitOnce(line);
    if (path === undefined) continue;
    if (id === '0' && controllers === '') {
      const unified = hierarchyAt(
        mounts.find(({ type }) => type === 'cgroup2'),
        path,
      );
      if (unified) found.unified = unified;
      continue;
    }
    for (const controller of CONTROLLERS) {
      if (!controllers.split(',').includes(controller)) continue;
      const mount = mounts.find(({ type, options }) => type === 'cgroup' && options.includes(controller));
      const hierarchy = hierarchyAt(mount, path);
      if (hierarchy) found.v1[controller] = hierarchy;
    }
  }
  return found;
}

/** `4:memory:/a:b` has three parts; the path may hold colons. */
function splitOnce(line: string): [string, string, string | undefined] {
  const [id = '', controllers = '', ...path] = line.split(':');
  return [id, controllers, path.length > 0 ? path.join(':') : undefined];
}

function parseMount(line: string): Mount[] {
  const [left = '', right = ''] = line.split(' - ');
  const [, , , root, folder] = left.split(' ');
  const [type, , options = ''] = right.split(' ');
  if (root === undefined || folder === undefined || (type !== 'cgroup' && type !== 'cgroup2')) return [];
  return [{ root: decoded(root), folder: decoded(folder), type, options: options.split(',') }];
}

/** Undefined when the process's group lies outside what is mounted here. */
function hierarchyAt(mount: Mount | undefined, path: string): Hierarchy | undefined {
  if (!mount || path.split('/').includes('..')) return undefined;
  const { root, folder } = mount;
  const below = root !== '/' && (path === root || path.startsWith(`${root}/`)) ? path.slice(root.length) : path;
  return { mount: folder, own: resolve(folder, `.${below}`) };
}

/** Spaces and the like stand there as octal numbers. */
function decoded(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
