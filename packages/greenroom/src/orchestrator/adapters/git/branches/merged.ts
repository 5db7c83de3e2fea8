import { nulFields } from '../../../../inert-git.ts';
import type { MergedState } from '../../../ports.ts';
import type { Git } from '../git.ts';
import { readRefs } from '../repo.ts';
import { type BranchContext, type Heads, isAncestor, refNames } from './context.ts';

type By = MergedState['by'];

const MAX_UNMERGED = 1_000;
/** Comparing patches reads every commit since the fork; on a very old fork that is not worth the time. */
const PATCH_TIMEOUT_MS = 60_000;
/** Makes the synthetic squash commit the same object each time, instead of a new one for every question. */
const FIXED_DATE = { GIT_AUTHOR_DATE: '@0 +0000', GIT_COMMITTER_DATE: '@0 +0000' };

/** Where the agent's branch stands towards the human one. */
export async function mergedState(context: BranchContext, heads: Heads): Promise<MergedState> {
  const { git } = context;
  const { human, local, published, replaceable } = heads;
  // A published head that a reset has already dealt with says nothing about the work that followed.
  const pending = published !== '' && published === replaceable;
  const head = local || (pending ? human : published);
  const publishedLags = pending && !(await isAncestor(git, published, head));
  const answer = (state: MergedState['state'], by: By = '', through = '', unmerged: string[] = []): MergedState => ({
    state,
    by,
    through,
    unmerged,
    publishedLags,
  });
  if (head === '' || human === '') return answer('none');

  const events = Object.keys(await readRefs(git, refNames(context).merged));
  const others = published === '' || pending || (await isAncestor(git, published, head)) ? '' : published;
  if (others !== '' && (await containment(git, others, human, events)) === undefined) {
    return answer('unmerged', '', '', await commitsBeyond(git, head, [human]));
  }
  if (head === human) return others === '' ? answer('current') : answer('merged', 'content', others);
  if (await isOnFirstParents(git, head, human)) return others === '' ? answer('behind') : answer('merged', 'content', others);
  const whole = await containment(git, head, human, events);
  // What is published counts by itself: newer commits may have undone it, on top of a merge or by a merge that preferred the other side.
  const visible = pending || published === '' || published === head || (await containment(git, published, human, events)) !== undefined;
  if (whole !== undefined && visible) return answer('merged', whole.by, head);

  const unmerged = (through: string): Promise<string[]> =>
    commitsBeyond(
      git,
      head,
      [human, through].filter((each) => each !== ''),
    );
  // Somebody who has merged the human branch since is up to date: what was squashed does no harm any more.
  if (await isAncestor(git, human, head)) return answer('unmerged', '', '', await unmerged(''));
  const part = await mergedPart(git, { head, human, published: pending ? '' : published, events });
  if (part !== undefined) return answer('partly', part.by, part.through, await unmerged(part.through));
  return answer('unmerged', '', '', await unmerged(''));
}

/** Whether, and how it shows, that everything of a commit is in the human branch. `vacuous` when the commit has nothing to be found there. */
async function containment(
  git: Git,
  commit: string,
  human: string,
  events: readonly string[],
): Promise<{ by: Exclude<By, ''>; vacuous: boolean } | undefined> {
  if (await isAncestor(git, commit, human)) return { by: 'ancestor', vacuous: false };
  for (const event of events) if (await isAncestor(git, commit, event)) return { by: 'event', vacuous: false };
  const base = (await git.run(['merge-base', human, commit])).stdout.toString('utf8').trim();
  if (base === '') return undefined;
  const [baseTree, tree, humanTree] = await trees(git, [base, commit, human]);
  const merge = await git.run(['merge-tree', '--write-tree', '-z', '--no-messages', human, commit]);
  if (merge.code === 0 && nulFields(merge.stdout)[0]?.trim() === humanTree) return { by: 'content', vacuous: tree === baseTree };
  if (tree === undefined || tree === baseTree) return undefined;
  // Later changes on the human branch, reverts of it included, hide the content; the patch itself is still in its history.
  const squash = await git.text(['commit-tree', tree, '-p', base], { input: 'squash\n', env: FIXED_DATE });
  if (await patchesKnown(git, human, squash)) return { by: 'squash', vacuous: false };
  if (await patchesKnown(git, human, commit)) return { by: 'rebase', vacuous: false };
  return undefined;
}

/** The newest head below `head` that was merged other than by history: by a pull request, or as it was published. */
async function mergedPart(
  git: Git,
  { head, human, published, events }: { head: string; human: string; published: string; events: readonly string[] },
): Promise<{ through: string; by: By } | undefined> {
  let best: { through: string; by: By } | undefined;
  const consider = async (through: string, by: By): Promise<void> => {
    if (!(await isAncestor(git, through, head)) || (await isAncestor(git, through, human))) return;
    if (best === undefined || (await isAncestor(git, best.through, through))) best = { through, by };
  };
  for (const event of events) await consider(event, 'event');
  if (published !== '' && published !== best?.through) {
    const found = await containment(git, published, human, []);
    if (found !== undefined && !found.vacuous) await consider(published, found.by);
  }
  return best;
}

/** Whether every commit since the fork has its patch in the human branch. Merges have none, so a branch with merges in it never does. */
async function patchesKnown(git: Git, human: string, commit: string): Promise<boolean> {
  if ((await git.text(['rev-list', '--min-parents=2', '--max-count=1', `${human}..${commit}`])) !== '') return false;
  const lines = (await git.text(['cherry', human, commit], { timeoutMs: PATCH_TIMEOUT_MS })).split('\n').filter((line) => line !== '');
  return lines.length > 0 && lines.every((line) => line.startsWith('- '));
}

/** Whether a commit was once the human branch's own head: then nothing on it waited to be merged. */
async function isOnFirstParents(git: Git, commit: string, human: string): Promise<boolean> {
  if (!(await isAncestor(git, commit, human))) return false;
  const chain = await git.text(['rev-list', '--first-parent', '--parents', human, `^${commit}`]);
  return chain.split('\n').at(-1)?.split(' ')[1] === commit;
}

async function commitsBeyond(git: Git, head: string, known: readonly string[]): Promise<string[]> {
  const list = await git.text(['rev-list', `--max-count=${MAX_UNMERGED}`, head, ...known.map((commit) => `^${commit}`)]);
  return list.split('\n').filter((line) => line !== '');
}

async function trees(git: Git, commits: readonly string[]): Promise<(string | undefined)[]> {
  return (await git.text(['rev-parse', ...commits.map((commit) => `${commit}^{tree}`)])).split('\n');
}
