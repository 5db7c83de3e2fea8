/** Podman for tests: storage of its own below a folder, and an image of this machine's Node. Nothing of it stays. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';

export const IMAGE = 'localhost/greenroom-test-node';

const PROGRAMS = ['/bin/sh', '/usr/bin/env', '/usr/bin/sleep', '/usr/bin/setsid', '/usr/bin/cat', '/usr/bin/mkdir', '/usr/bin/touch'];
/** Some kernels have cgroups of both versions; Podman then takes them for version 1 only when it does not see the other. */
const HYBRID = '/sys/fs/cgroup/unified';

export interface Podman {
  folder: string;
  /** Calls it, and throws when it fails. */
  run(...args: string[]): string;
  /** Ends and removes all of it, and takes it off PATH. */
  remove(): void;
}

/** Why the tests with containers cannot run here, or nothing. Where they could be installed, they are never left out. */
export function withoutPodman(): string {
  if (process.getuid?.() === 0) return '';
  return 'only root can give Podman storage and control groups of a test';
}

/** Puts programs named "podman" and "docker" first on PATH, so that what is started from here finds them. */
export function openPodman(): Podman {
  const folder = mkdtempSync(join(tmpdir(), 'greenroom-podman-'));
  const path = process.env['PATH'] ?? '';
  const real =
    path
      .split(delimiter)
      .map((it) => join(it, 'podman'))
      .find((it) => existsSync(it)) ?? '/usr/bin/podman';
  const places = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--tmpdir', join(folder, 'tmp')];
  const settings = ['--runtime=crun', '--cgroup-manager=cgroupfs', '--events-backend=none', ...places];
  const podman = `exec ${real} ${settings.join(' ')} "$@"`;
  const hidden = `exec unshare --mount --propagation private sh -c 'umount ${HYBRID}; ${podman}' podman "$@"`;
  mkdirSync(join(folder, 'bin'));
  for (const name of ['podman', 'docker']) {
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${existsSync(HYBRID) ? hidden : podman}\n`);
    chmodSync(join(folder, 'bin', name), 0o755);
  }
  process.env['PATH'] = `${join(folder, 'bin')}${delimiter}${path}`;
  const run = (...args: string[]): string => execFileSync('podman', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return {
    folder,
    run,
    remove() {
      run('rm', '--force', '--all', '--time=0');
      process.env['PATH'] = path;
      rmSync(folder, { recursive: true, force: true });
      removeEmptyCgroups();
    },
  };
}

/** An image of this machine's Node, a shell and what they link with. */
export function buildNodeImage(podman: Podman): void {
  const root = join(podman.folder, 'image');
  const files = [process.execPath, ...PROGRAMS];
  const libraries = files.flatMap((file) =>
    [...execFileSync('ldd', [file], { encoding: 'utf8' }).matchAll(/\/\S+/g)].map(([path]) => path),
  );
  for (const file of files) place(file, join(root, 'usr', 'bin', basename(file)));
  for (const library of new Set(libraries)) place(library, join(root, library));
  symlinkSync('usr/bin', join(root, 'bin'));
  for (const empty of ['etc', 'tmp']) mkdirSync(join(root, empty));
  writeFileSync(join(podman.folder, 'Containerfile'), 'FROM scratch\nCOPY . /\nENV PATH=/usr/bin\n');
  podman.run('build', '--quiet', `--tag=${IMAGE}`, `--file=${join(podman.folder, 'Containerfile')}`, root);
}

function place(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  try {
    linkSync(realpathSync(from), to);
  } catch {
    copyFileSync(from, to); // on another file system
  }
}

/** What Podman leaves of its own cgroup when no container is there any more. */
function removeEmptyCgroups(): void {
  const base = '/sys/fs/cgroup';
  const parents = ['', ...readdirSync(base)].map((controller) => join(base, controller, 'libpod_parent'));
  for (const folder of parents.flatMap((parent) => [join(parent, 'conmon'), parent])) {
    try {
      rmdirSync(folder);
    } catch (error) {
      // Not there, or in use by somebody else's containers.
      if (!(error instanceof Error && 'code' in error)) throw error;
    }
  }
}
