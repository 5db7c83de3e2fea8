import { git } from '../git.ts';
import type { Finding } from './examine.ts';

const LEAST_NODE_MAJOR = 24;
/** `worktree add --detach` with everything that the slots rely on. */
const LEAST_GIT = [2, 31] as const;

export function checkNode(version: string): Finding {
  const check = 'node';
  if (Number.parseInt(version, 10) >= LEAST_NODE_MAJOR) return { check, level: 'ok', says: version };
  return { check, level: 'fail', says: `${version} is too old`, remedy: `Install Node ${LEAST_NODE_MAJOR} or later.` };
}

export async function checkGit(): Promise<Finding> {
  const check = 'git';
  const asked = await git(['--version']);
  if (!asked.ok) return { check, level: 'fail', says: asked.problem, remedy: 'Install git 2.31 or later.' };
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(asked.text) ?? [];
  const enough = Number(major) > LEAST_GIT[0] || (Number(major) === LEAST_GIT[0] && Number(minor) >= LEAST_GIT[1]);
  if (enough) return { check, level: 'ok', says: asked.text.replace('git version ', '') };
  return { check, level: 'fail', says: `${asked.text} is too old`, remedy: `Install git ${LEAST_GIT.join('.')} or later.` };
}
