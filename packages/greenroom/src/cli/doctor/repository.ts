import type { ForgeAccess } from '../../orchestrator/adapters/forge-access.ts';
import { type GitAccess, git } from '../git.ts';
import type { Finding, Patient } from './examine.ts';

/** Whether the orchestrator could fetch: over http with its own credentials, not with those that this user's git has. */
export async function checkRepository({ app, contract }: Patient, { remote }: ForgeAccess): Promise<Finding[]> {
  const check = 'repository';
  if (!app.repo)
    return [{ check, level: 'warn', says: 'not known', remedy: `Start once with: greenroom start --app ${app.name} --repo DIR|URL` }];
  const heads = await git(['ls-remote', '--heads', '--', app.repo], access(app.repo, remote));
  if (!heads.ok) {
    const [first = ''] = heads.problem.split('\n');
    return [
      {
        check,
        level: 'fail',
        says: `${app.repo} cannot be read: ${first}`,
        remedy: /^https?:/i.test(app.repo)
          ? `Give "greenroom start" a token in GREENROOM_GIT_TOKEN, or GitHub credentials: docs/guides/branches.md. Your own git's are not used.`
          : `Make this work for the user that runs Greenroom: git ls-remote '${app.repo}'`,
      },
    ];
  }
  const branches = heads.text.split('\n').flatMap((line) => line.split('\trefs/heads/')[1] ?? []);
  if (branches.length === 0) {
    return [
      {
        check,
        level: 'fail',
        says: `${app.repo} has no commit yet`,
        remedy: 'Commit something: git add -A && git commit -m "First version"',
      },
    ];
  }
  if (!branches.includes(contract.human_branch)) {
    const remedy = `Set "human_branch" in ${app.contract} to one of: ${branches.slice(0, 5).join(', ')}`;
    return [{ check, level: 'fail', says: `${app.repo} has no branch "${contract.human_branch}"`, remedy }];
  }
  return [{ check, level: 'ok', says: `${app.repo}, branch ${contract.human_branch}` }];
}

function access(repo: string, { env = {}, config = [] }: ForgeAccess['remote']): GitAccess {
  if (!/^https?:/i.test(repo)) return {};
  return { env: { ...env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' }, config };
}

/** A shared path is mounted over the checkout: what git tracks there would be hidden. */
export async function checkSharedPaths({ app, contract }: Patient): Promise<Finding[]> {
  const check = 'shared paths';
  if (contract.shared_paths.length === 0) return [];
  if (!app.repo.startsWith('/')) return [{ check, level: 'ok', says: contract.shared_paths.join(', ') }];
  const tree = await git(['-C', app.repo, 'ls-tree', '-z', '-r', '--name-only', '--end-of-options', `refs/heads/${contract.human_branch}`]);
  if (!tree.ok) return [];
  const files = tree.text.split('\0');
  const findings: Finding[] = [];
  for (const shared of contract.shared_paths) {
    const path = shared.replace(/\/$/, '');
    const tracked = files.filter((file) => file === path || file.startsWith(`${path}/`)).length;
    if (tracked === 0) continue;
    const remedy = `Take it out of git (git rm -r --cached -- '${path}', and add it to .gitignore), or out of "shared_paths".`;
    findings.push({ check, level: 'warn', says: `${shared} is shared between releases, but git tracks ${tracked} file(s) there`, remedy });
  }
  return findings.length > 0 ? findings : [{ check, level: 'ok', says: contract.shared_paths.join(', ') }];
}
