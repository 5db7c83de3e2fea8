/** Resolving more links than this in one path is a loop, as on Linux. */
const MAX_LINKS = 40;

/**
 * Where a symbolic link of a tree leads, when that is out of the tree or into its `.git`; empty when it stays inside. `links` holds every link of
 * the tree, path to target: a link that leads through another one ends elsewhere than its text says.
 */
export function leadsOutside(path: string, links: ReadonlyMap<string, string>): string {
  const segments = (text: string): string[] => text.split('/').filter((part) => part !== '' && part !== '.');
  const at: string[] = [];
  const rest = segments(path);
  let followed = 0;
  while (rest.length > 0) {
    const next = rest.shift() ?? '';
    if (next === '..') {
      if (at.pop() === undefined) return 'a folder above the release';
      continue;
    }
    at.push(next);
    if (at[0]?.toLowerCase() === '.git') return '.git';
    const target = links.get(at.join('/'));
    if (target === undefined) continue;
    followed += 1;
    if (followed > MAX_LINKS) return '';
    if (target.startsWith('/')) return target;
    at.pop();
    rest.unshift(...segments(target));
  }
  return '';
}
