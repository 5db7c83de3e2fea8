import { nulFields } from '../../../inert-git.ts';
import type { Contract } from '../../core/contract.ts';
import { type CommitChange, type DiffEntry, parseCommitDiffs, parseRawDiff } from '../../core/gate/diff.ts';
import type { GateRequest } from '../../ports.ts';
import type { Git } from '../git/git.ts';

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
  /** Heads of the agent's branch: in its own copy, and on the remote. */
  agentHeads: string[];
  /** The release before the live one; empty when there is none. */
  previous: string;
}

const REMOTE = 'refs/remotes/origin/';
const INCOMING = 'refs/greenroom/incoming/';
const DIFF = ['-r', '--raw', '-z', '--no-renames', '--no-abbrev', '--no-ext-diff', '--no-textconv'];

/**
 * Reads the range. Published is what a remote by URL has. A folder as the remote publishes nothing: there, commits count from the live one on; on the
 * first deploy those of the human branch are taken as they are, because they are older than Greenroom. Their files are judged all the same.
 */
export async function readRange(git: Git, contract: Contract, request: GateRequest): Promise<Range> {
  const { live, candidate, signal } = request;
  const [refs, remoteByUrl] = await Promise.all([readRefs(git), hasRemoteUrl(git)]);
  const humanHead = request.humanHead ?? refs.get(`${REMOTE}${contract.human_branch}`) ?? '';
  const agentHeads = agentHeadsOf(refs, contract);
  const remoteHeads = remoteByUrl ? [...new Set([...refs].filter(([name]) => name.startsWith(REMOTE)).map(([, id]) => id))] : [];
  const previous = refs.get('refs/greenroom/previous') ?? '';
  const known = [...remoteHeads, ...[live, previous].filter((id) => id !== '')];
  if (known.length === 0 && humanHead !== '') known.push(humanHead);

  const base = live === '' ? await git.text(['hash-object', '-t', 'tree', '--stdin']) : live;
  const [net, commits, fromAgent] = await Promise.all([
    git.must(['diff-tree', ...DIFF, base, candidate, '--'], { signal }),
    readCommits(git, candidate, known, signal),
    isAgents(git, contract, request, humanHead, agentHeads),
  ]);
  const adopted = live === '' && remoteHeads.length > 0;
  return { base, net: parseRawDiff(nulFields(net)), commits, adopted, fromAgent, humanHead, agentHeads, previous };
}

async function isAgents(
  git: Git,
  contract: Contract,
  { trigger, branch, candidate }: GateRequest,
  humanHead: string,
  agentHeads: readonly string[],
): Promise<boolean> {
  if (trigger === 'agent' || branch === contract.agent_branch) return true;
  if (await isAncestorOfAny(git, candidate, [humanHead])) return false;
  return await isAncestorOfAny(git, candidate, agentHeads);
}

/** Whether the commit is one of the heads or behind it. */
export async function isAncestorOfAny(git: Git, commit: string, heads: readonly string[]): Promise<boolean> {
  if (heads.includes(commit)) return true;
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

async function hasRemoteUrl(git: Git): Promise<boolean> {
  const { code, stdout } = await git.run(['config', '--get', 'remote.origin.url']);
  return code === 0 && stdout.length > 0 && !stdout.toString('utf8').startsWith('/');
}

/** Ref to commit. */
async function readRefs(git: Git): Promise<Map<string, string>> {
  const names = [REMOTE, INCOMING, 'refs/greenroom/previous'];
  const lines = (await git.text(['for-each-ref', '--format=%(objectname) %(refname)', ...names])).split('\n');
  return new Map(lines.filter((line) => line !== '').map((line) => [line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' '))]));
}

function agentHeadsOf(refs: ReadonlyMap<string, string>, { agent_branch: branch }: Contract): string[] {
  return [refs.get(INCOMING + branch), refs.get(REMOTE + branch)].filter((id) => id !== undefined);
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
