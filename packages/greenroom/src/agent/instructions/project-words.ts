import { randomBytes } from 'node:crypto';
import { plain } from '../../plain.ts';
import { type Git, GitError } from '../workspace/git.ts';
import { inertGit } from '../workspace/inert.ts';
import { branchRef, commitOf, remoteRef, short } from '../workspace/place.ts';

const FILES = ['AGENTS.md', 'CLAUDE.md'];
const MOST_BYTES = 16 * 1024;

/**
 * The repository's own words to coding agents, set apart so that they cannot pass for ours; empty when there are none. From a commit, of people's
 * branch first: what the agent has in its working tree does not instruct the next one.
 */
export async function projectWords(workspace: string, branches: { human_branch: string; agent_branch: string }): Promise<string> {
  try {
    const git = await inertGit(workspace);
    for (const ref of [remoteRef(branches.human_branch), branchRef(branches.agent_branch)]) {
      const commit = await commitOf(git, ref);
      for (const file of commit === '' ? [] : FILES) {
        const text = await readText(git, commit, file);
        if (text !== '') return setApart(text, file, commit);
      }
    }
    return '';
  } catch (error) {
    // Without them the agent still knows all that Greenroom has to say.
    if (error instanceof GitError) return '';
    throw error;
  }
}

/** Empty for anything but an ordinary file: a link says only where it leads. */
async function readText(git: Git, commit: string, file: string): Promise<string> {
  const [entry = ''] = await git.fields(['ls-tree', '-z', '-l', commit, '--', file]);
  const [mode = '', type, id = '', size = '0'] = (entry.split('\t')[0] ?? '').split(/ +/);
  // More than this is no letter to anybody.
  if (type !== 'blob' || !mode.startsWith('100') || Number(size) > 64 * MOST_BYTES) return '';
  return (await git.text(['cat-file', 'blob', id])).slice(0, MOST_BYTES + 1);
}

function setApart(text: string, file: string, commit: string): string {
  const mark = randomBytes(4).toString('hex');
  const bytes = Buffer.from(text);
  const whole = bytes.length <= MOST_BYTES;
  const kept = whole ? text : bytes.toString('utf8', 0, bytes.lastIndexOf('\n', MOST_BYTES) + 1 || MOST_BYTES);
  return [
    `## What the project says to coding agents`,
    `From ${file} of commit ${short(commit)}. Follow it where it does not contradict what stands above.`,
    `----- begin ${file} ${mark} -----`,
    ...kept.split(/\r\n|\n|\r/).map((line) => plain(line)),
    ...(whole ? [] : [`(cut: ${file} is longer; read it in your clone)`]),
    `----- end ${file} ${mark} -----`,
  ].join('\n');
}
