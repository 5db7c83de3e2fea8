import type { Failure } from '@greenroom/sdk/wire';
import { nulFields } from '../../../inert-git.ts';
import type { Contract } from '../../core/contract.ts';
import type { GateRequest } from '../../ports.ts';
import type { Git } from '../git/git.ts';
import { createMergeCheck, type MergeCheck } from './merge-check.ts';
import { commitOf, isAncestorOfAny, type Range } from './range.ts';

/** A human's commits are looked at one by one up to this many; beyond it only a merge in the history counts. */
const MAX_COMMITS = 200;
/** A candidate that differs from the human branch in more files than this is not searched for lines of before. */
const MAX_PATHS = 1_000;
/** Whoever merged a change and then wrote its lines anew meant to; whoever did not merge it has not seen it. */
const SEEN = { own: true };
const UNSEEN = { own: false };

interface Work {
  git: Git;
  merges: MergeCheck;
  candidate: string;
  live: string;
  previous: string;
  signal: AbortSignal;
}

/**
 * Refuses an agent's commit that lacks human work which is live or on the human branch: by history (not merged), and by content (merged, and then
 * undone). Human work that came into the candidate by another way, such as a squash, counts as there.
 */
export async function checkStaleBase(git: Git, contract: Contract, request: GateRequest, range: Range): Promise<Failure | undefined> {
  if (!range.fromAgent) return undefined;
  const { live, candidate, signal } = request;
  const targets: { commit: string; name: string }[] = [];
  const liveIsHuman = live !== '' && (await isHumans(git, request, range));
  if (range.humanHead !== '') targets.push({ commit: range.humanHead, name: contract.human_branch });
  if (liveIsHuman && live !== range.humanHead) targets.unshift({ commit: live, name: 'the live release' });
  if (targets.every(({ commit }) => commit === candidate)) return undefined;
  const merges = await createMergeCheck(git, signal);
  try {
    const work: Work = { git, merges, candidate, live, previous: range.previous, signal };
    for (const { commit, name } of targets) {
      const merged = await isAncestorOfAny(git, commit, [candidate]);
      // What humans have gone on from since, where that is known.
      const latest = range.humanHead !== '' && (await isAncestorOfAny(git, commit, [range.humanHead])) ? range.humanHead : commit;
      const failure = merged
        ? await findUndone(work, commit, name, latest)
        : ((await findMissing(work, commit, name, contract.human_branch)) ?? (await findUndoneBefore(work, commit, name, latest)));
      if (failure !== undefined) return failure;
    }
    return undefined;
  } finally {
    await merges.close();
  }
}

/** On the human branch, or on no branch of the agent. */
async function isHumans(git: Git, { live, liveFrom }: GateRequest, { humanHead, agentHeads }: Range): Promise<boolean> {
  if (liveFrom !== undefined) return liveFrom === 'human';
  return (await isAncestorOfAny(git, live, [humanHead])) || !(await isAncestorOfAny(git, live, agentHeads));
}

/**
 * Not merged: fine only when every one of the human's commits is there by content, each for itself, so that a revert of theirs counts too; and all of them
 * together, because where humans settled a conflict among themselves, the side that lost is not what they have now. A conflict is a change that is not there.
 */
async function findMissing(
  { git, merges, candidate, signal }: Work,
  target: string,
  name: string,
  branch: string,
): Promise<Failure | undefined> {
  const range = await git.text(['rev-list', '--first-parent', `--max-count=${MAX_COMMITS + 1}`, target, `^${candidate}`, '--'], { signal });
  const commits = range.split('\n').filter((id) => id !== '');
  const fork = await mergeBase(git, [candidate, target]);
  let missing: string | undefined = '';
  if (fork !== '' && commits.length <= MAX_COMMITS) {
    missing = undefined;
    for (const commit of commits) {
      const parent = await commitOf(git, `${commit}^1`);
      const [lack] = parent === '' ? [''] : await merges.lacking(parent, candidate, commit, UNSEEN);
      missing = lack;
      if (missing !== undefined) break;
    }
    if (missing === undefined) [missing] = await merges.lacking(fork, candidate, target, UNSEEN);
  }
  if (missing === undefined) return undefined;
  const what = name === branch ? `${name} (${target.slice(0, 10)})` : `${name} (${target.slice(0, 10)}), which a human made`;
  return {
    code: 'gate_stale_base',
    error: `The commit does not contain ${what}: going live, it would take back ${commits.length === 1 ? 'a change' : 'changes'}${missing === '' ? '' : ` in "${missing}", for example`}.`,
    evidence: {
      rule: 'stale_base: not merged',
      ...(missing === '' ? {} : { file: missing }),
      commit: target,
      remedy: `In the agent's working copy: git fetch origin ${branch} && git merge ${target}`,
    },
  };
}

/** Not merged, but there by content: then what was merged before it may have been undone all the same. */
async function findUndoneBefore(work: Work, target: string, name: string, latest: string): Promise<Failure | undefined> {
  const merged = await mergeBase(work.git, [work.candidate, target]);
  return merged === '' ? undefined : await findUndone(work, merged, name, latest);
}

/**
 * Merged: does the candidate still hold what the human changed since the agent's work forked off, or since the last two releases? What the live release
 * lacked already, although the human's change is part of its history, was accepted before; and what `latest` lacks, where the human branch is now, humans took
 * back themselves.
 */
async function findUndone(
  { git, merges, candidate, live, previous, signal }: Work,
  target: string,
  name: string,
  latest: string,
): Promise<Failure | undefined> {
  const boundary = await git.text(['rev-list', '--boundary', candidate, `^${target}`, '--'], { signal });
  const forks = boundary.split('\n').flatMap((line) => (line.startsWith('-') ? [line.slice(1)] : []));
  if (forks.length === 0) return undefined;
  const absorbed = live === '' ? '' : await mergeBase(git, [live, target]);
  const earlier = previous === '' ? '' : await mergeBase(git, [previous, target]);
  const fork = await mergeBase(git, ['--octopus', ...forks, ...[absorbed, earlier].filter((id) => id !== '')]);
  if (fork === '') return undefined;
  const middle = absorbed !== '' && (await isAncestorOfAny(git, fork, [absorbed])) ? absorbed : fork;
  const fresh = middle === target ? [] : await merges.lacking(middle, candidate, target, SEEN);
  const older = middle === fork ? [] : await merges.lacking(fork, candidate, middle, SEEN);
  const accepted = older.length === 0 ? [] : await merges.lacking(fork, live, middle, SEEN);
  // Between two releases and since: what of it humans do not have any more themselves.
  const given = older.length === 0 ? [] : await merges.lacking(fork, latest, middle, SEEN);
  const found = [...fresh, ...older.filter((path) => !accepted.includes(path) && !given.includes(path))];
  const takenBack = found.length === 0 || latest === target ? [] : await merges.lacking(fork, latest, target, SEEN);
  const undone = found.filter((path) => !takenBack.includes(path));
  const lost = undone.length > 0 ? undone : await findBroughtBack({ git, merges, candidate, live, previous, signal }, fork, latest);
  const [first] = lost;
  if (first === undefined) return undefined;
  return {
    code: 'gate_stale_base',
    error: `The commit undoes what a human changed in "${first}"${lost.length > 1 ? ` and ${lost.length - 1} more` : ''} (${name}, ${target.slice(0, 10)}), although it was merged.`,
    evidence: {
      rule: 'stale_base: undone',
      file: first,
      commit: target,
      remedy: `Bring the human's lines back: "git diff ${fork.slice(0, 12)} ${target.slice(0, 12)} -- <file>" shows them, and "git checkout ${target} -- <file>" restores the whole file. To change them on purpose, do so in the human branch, or ask the operator for an override.`,
    },
  };
}

/**
 * Where humans changed the same lines more than once, the candidate may hold what was theirs in between: that is its own beside what they have now, but no
 * work of the agent's. Paths in which it lacks one of their changes that they themselves still have, or have gone on from.
 */
async function findBroughtBack({ git, merges, candidate, live, signal }: Work, fork: string, target: string): Promise<string[]> {
  const tree = ['diff-tree', '-r', '-z', '--name-only', '--no-renames', '--no-ext-diff', '--no-textconv'];
  const differing = nulFields(await git.must([...tree, target, candidate, '--'], { signal }));
  if (differing.length === 0 || differing.length > MAX_PATHS) return [];
  const list = ['--literal-pathspecs', 'rev-list', '--first-parent', `--max-count=${MAX_COMMITS}`, target, `^${fork}`, '--', ...differing];
  const commits = (await git.text(list, { signal })).split('\n').filter((id) => id !== '');
  // What a single commit changed was compared as a whole.
  if (commits.length < 2) return [];
  for (const commit of commits) {
    const parent = await commitOf(git, `${commit}^1`);
    if (parent === '') continue;
    const lacks = (await merges.lacking(parent, candidate, commit, SEEN)).filter((path) => differing.includes(path));
    if (lacks.length === 0) continue;
    const takenBack = await merges.lacking(parent, target, commit, SEEN);
    const accepted = live !== '' && (await isAncestorOfAny(git, commit, [live])) ? await merges.lacking(parent, live, commit, SEEN) : [];
    const lost = lacks.filter((path) => !takenBack.includes(path) && !accepted.includes(path));
    if (lost.length > 0) return lost;
  }
  return [];
}

async function mergeBase(git: Git, args: readonly string[]): Promise<string> {
  const { code, stdout } = await git.run(['merge-base', ...args]);
  return code === 0 ? (stdout.toString('utf8').trim().split('\n')[0] ?? '') : '';
}
