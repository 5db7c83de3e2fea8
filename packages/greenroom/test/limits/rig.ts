import { readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONTROLLERS, findHierarchies } from '../../src/confine/cgroup-mounts.ts';
import { type Cgroups, findCgroups } from '../../src/confine/cgroups.ts';

const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');
const self = readFileSync('/proc/self/cgroup', 'utf8');
const BURIED_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 20;
let made = 0;

/** Control groups of this machine, below a folder of the test's own, which is taken away after it. Fails when groups were left in it. */
export function testCgroups(t: TestContext): Cgroups {
  made += 1;
  const rootFolder = `greenroom-test-${process.pid}-${made}`;
  t.after(() => removeRootFolder(rootFolder));
  return findCgroups({ mountinfo, self, pid: process.pid, rootFolder });
}

/** Takes a folder away that `GREENROOM_CGROUP` named. Fails when groups were left in it. */
export async function removeRootFolder(rootFolder: string): Promise<void> {
  const { unified, v1 } = findHierarchies(mountinfo, self);
  for (const it of [unified, ...CONTROLLERS.map((controller) => v1[controller])]) if (it) await removeEmptied(join(it.mount, rootFolder));
}

/** What was ended in it is being buried, and its group taken away, for a moment longer. */
async function removeEmptied(folder: string): Promise<void> {
  for (const deadline = Date.now() + BURIED_WITHIN_MS; ; await sleep(LOOK_EVERY_MS)) {
    try {
      rmdirSync(folder);
      return;
    } catch (error) {
      if (Date.now() < deadline) continue;
      const left = readdirSync(folder, { withFileTypes: true }).flatMap((it) => (it.isDirectory() ? [it.name] : []));
      throw new Error(`${folder} cannot be removed: ${left.join(', ') || 'no group'} is left in it`, { cause: error });
    }
  }
}
