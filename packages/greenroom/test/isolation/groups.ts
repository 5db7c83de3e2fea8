import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { findHierarchies } from '../../src/confine/cgroup-mounts.ts';

let made = 0;

/** A name for the folder of a machine's control groups, which are this one's, and what takes them away when its processes have ended. */
export function groupsOfMachine(): { name: string; remove(): void } {
  made += 1;
  const name = `greenroom-test-${process.pid}-machine-${made}`;
  const { unified, v1 } = findHierarchies(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8'));
  const mounts = [unified, ...Object.values(v1)].flatMap((it) => (it ? [it.mount] : []));
  return {
    name,
    remove() {
      for (const mount of mounts) removeGroups(join(mount, name));
    },
  };
}

/** From the innermost out. */
function removeGroups(folder: string): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) removeGroups(join(folder, entry.name));
  rmdirSync(folder);
}
