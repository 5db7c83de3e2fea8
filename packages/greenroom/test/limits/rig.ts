import { readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { CONTROLLERS, findHierarchies } from '../../src/confine/cgroup-mounts.ts';
import { type Cgroups, findCgroups } from '../../src/confine/cgroups.ts';

const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');
const self = readFileSync('/proc/self/cgroup', 'utf8');
let made = 0;

/** Control groups of this machine, below a folder of the test's own, which is taken away after it. Fails when groups were left in it. */
export function testCgroups(t: TestContext): Cgroups {
  made += 1;
  const rootFolder = `greenroom-test-${process.pid}-${made}`;
  t.after(() => removeRootFolder(rootFolder));
  return findCgroups({ mountinfo, self, pid: process.pid, rootFolder });
}

/** Takes a folder away that `GREENROOM_CGROUP` named. Fails when groups were left in it. */
export function removeRootFolder(rootFolder: string): void {
  const { unified, v1 } = findHierarchies(mountinfo, self);
  for (const it of [unified, ...CONTROLLERS.map((controller) => v1[controller])]) if (it) rmdirSync(join(it.mount, rootFolder));
}
