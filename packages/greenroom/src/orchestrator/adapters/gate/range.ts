import type { Contract } from '../../core/contract.ts';
import { type CommitChange, type DiffEntry, parseCommitDiffs, parseRawDiff } from '../../core/gate/diff.ts';
import type { GateRequest } from '../../ports.ts';
import { type Git, nulFields } from '../git/git.ts';

/** What a candidate would change, and what a push of it would publish. */
export interface Range {
  /** The live commit, or the empty tree on the first deploy. */
  base: string;
  /** From the base to the candidate. */
  net: DiffEntry[];
  /** Commits that are on no remote and were never live, oldest first, each with its own changes. */
  commits: CommitChange[];
  /** A first deploy of what a remote by URL has: its history left the machine long ago, and there is no release to compare it with. */
  adopted: boolean;
  /** Whether the commit is the agent's work: on the agent's branch and not on the human one, or deployed by the agent. */
  fromAgent: boolean;
  /** Head of the human branch; empty when none is known. */
  humanHead: string;
  /** The release before the live one; empty when there is none. */
  previous: string;
}

const REMOTE = 'refs/remotes/origin/';
const DIFF = ['-r', '--raw', '-z', '--no-renames', '--no-abbrev', '--no-ext-diff', '--no-textconv'];

/**
 * Reads the range. Published is what a remote by URL has. A folder as the remote publishes nothing: there, commits count from the live one on; on the
 * first deploy those of the human branch are taken as they are, because they are older than Greenroom. Their files are judged all the same.
 */
export async function readRange(git: Git, contract: Contract, request: GateRequest): Promise<Range> {
  const { live, candidate, signal } = request;
  const humanHead = request.humanHead ?? (await commitOf(git, `${REMOTE}${contract.human_branch}`));
  const agentHeads = [
    await commitOf(git, `refs/greenroom/incoming/${contract.agent_branch}`),
    await commitOf(git, REMOTE + contract.agent_branch),
  ];
  const remoteHeads = await publishedHeads(git);
  const previous = await commitOf(git, 'refs/greenroom/previous');
  const wasLive = [live, previous].filter((id) => id !== '');
  const known = [...remoteHeads, ...wasLive];
  if (known.length === 0 && humanHead !== '') known.push(humanHead);

  const base = live === '' ? await git.text(['hash-object', '-t', 'tree', '--stdin']) : live;
  const net = parseRawDiff(nulFields(await git.must(['diff-tree', ...DIFF, base, candidate, '--'], { signal })));
  const commits = await readCommits(git, candidate, known, signal);
  const onAgents = await isAncestorOfAny(git, candidate, agentHeads);
  const onHumans = await isAncestorOfAny(git, candidate, [humanHead]);
  return {
    base,
    net,
    commits,
    adopted: live === '' && remoteHeads.length > 0,
    fromAgent: request.trigger === 'agent' || request.branch === contract.agent_branch || (onAgents && !onHumans),
    humanHead,
    previous,
  };
}

/** Whether the commit is one of the heads or behind it. */
export async function isAncestorOfAny(git: Git, commit: string, heads: readonly string[]): Promise<boolean> {
  for (const head of heads.filter((id) => id !== '')) {
    const { code } = await git.run(['merge-base', '--is-ancestor', commit, head]);
    if (code === 0) return true;
  }
  return false;
}

/** The commit that a ref holds; empty when there is none. */
export async function commitOf(git: Git, ref: string): Promise<string> {
  const { code, stdout } = await git.run(['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`]);
  return code === 0 ? stdout.toString('utf8').trim() : '';
}

async function publishedHeads(git: Git): Promise<string[]> {
  const { code, stdout } = await git.run(['config', '--get', 'remote.origin.url']);
  const location = code === 0 ? stdout.toString('utf8').trim() : '';
  if (location === '' || location.startsWith('/')) return [];
  const heads = await git.text(['for-each-ref', '--format=%(objectname)', REMOTE]);
  return [...new Set(heads.split('\n').filter((id) => id !== ''))];
}

async function readCommits(git: Git, candidate: string, known: readonly string[], signal: AbortSignal): Promise<CommitChange[]> {
  const input = [candidate, ...known.map((id) => `^${id}`)].join('\n');
  const list = await git.text(['rev-list', '--topo-order', '--reverse', '--parents', '--stdin'], { input: `${input}\n`, signal });
  if (list === '') return [];
  const lines = list.split('\n').map((line) => line.split(' '));
  const parents = new Map(lines.map(([commit = '', ...ids]) => [commit, ids.length]));
  const args = ['diff-tree', '--stdin', '-m', '--root', ...DIFF];
  const changes = parseCommitDiffs(nulFields(await git.must(args, { input: `${list}\n`, signal })), parents);
  const seen = new Map(changes.map((change) => [change.commit, change]));
  // Commits without a change have a message all the same.
  const nothing = { entries: [], oldIds: new Map<string, string[]>(), removedIds: [] };
  return lines.map(([commit = '']) => seen.get(commit) ?? { commit, ...nothing });
}
