import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createGate } from '../../src/orchestrator/adapters/gate/gate.ts';
import type { MergedState, PushReport, ResetReport } from '../../src/orchestrator/ports.ts';
import { contractOf, git } from '../git/fixture.ts';
import { FILES, humanWords } from './human-words.ts';
import { clone, headOf, never, type Shared, shared } from './world.ts';

const KEEP_MINE = ['-X', 'ours'];

/** Two humans and an agent on one repository. Every move is possible at any time; a move that makes no sense now does nothing. */
export interface RandomWorld {
  moves: Record<string, (choice: number) => Promise<void>>;
  /** How often each outcome came up. */
  seen: Map<string, number>;
  /** Fails when a commit that was ever pushed, or committed by the agent, cannot be reached any more. */
  checkReachable(): void;
  /** Brings everything to rest: the agent's work published and merged, main live. Fails unless the branch is at main everywhere then. */
  settle(): Promise<void>;
}

export async function randomWorld(t: TestContext): Promise<RandomWorld> {
  const world: Shared = await shared(t);
  const { origin, branches, repo, layout, says } = world;
  const { workspace } = layout;
  const gate = createGate({ git: repo.git, contract: contractOf() });
  const words = humanWords();
  const humans = [world.human, clone(world.root, origin, 'second')];
  const seen = new Map<string, number>();
  const count = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);
  /** Commits that must stay reachable. */
  const known = new Set<string>([world.first]);
  /** Heads of the agent's branch that a human has merged. */
  const merged = new Set<string>();
  /** What the agent has written and not committed. */
  let unsaved: string[] = [];
  let live = world.first;
  let previous = '';
  let online = true;
  /** As it was before the last reset, for messages. */
  let state: MergedState | undefined;

  const attempt = (folder: string, ...args: string[]): boolean => {
    try {
      git(folder, ...args);
      return true;
    } catch {
      return false;
    }
  };
  const contains = (folder: string, ancestor: string, head: string): boolean =>
    attempt(folder, 'merge-base', '--is-ancestor', ancestor, head);
  const remember = (folder: string, ...range: string[]): void => {
    for (const id of git(folder, 'rev-list', ...range).split('\n')) if (id !== '') known.add(id);
  };
  const save = (folder: string, subject: string): void => {
    git(folder, 'add', '-A');
    git(folder, 'commit', '-q', '--allow-empty', '-m', subject);
  };
  const humanOf = (choice: number): string => humans[choice % 2] ?? world.human;
  /** Brings a human's main up to date, and says whether that worked. */
  const pull = (human: string): boolean => {
    git(human, 'fetch', '-q', '--prune', 'origin');
    git(human, 'checkout', '-q', 'main');
    return attempt(human, 'merge', '-q', '--no-edit', ...KEEP_MINE, 'origin/main') || undo(human);
  };
  const undo = (folder: string): false => {
    git(folder, 'reset', '-q', '--hard');
    return false;
  };
  const publishMain = (human: string): void => {
    git(human, 'push', '-q', 'origin', 'main');
    remember(human, 'main');
    words.published(human);
  };
  const tree = (): string =>
    `${headOf(workspace, 'HEAD')} ${git(workspace, 'status', '--porcelain')} ${git(workspace, 'symbolic-ref', 'HEAD')}`;
  const originRefs = (): Map<string, string> =>
    new Map(
      git(origin, 'for-each-ref', '--format=%(refname) %(objectname)')
        .split('\n')
        .map((line) => line.split(' ') as [string, string]),
    );

  /** Whatever the orchestrator does: at the remote only the agent's branch moves, forward or from a merged head to another. */
  const watched = async <T>(work: () => Promise<T>): Promise<T> => {
    const before = originRefs();
    const away = `${origin}.away`;
    if (!online) renameSync(origin, away);
    const result = await work().finally(() => {
      if (!online) renameSync(away, origin);
    });
    const after = originRefs();
    for (const ref of new Set([...before.keys(), ...after.keys()])) {
      const [old = '', now = ''] = [before.get(ref), after.get(ref)];
      if (old === now) continue;
      assert.equal(ref, 'refs/heads/machine', `${ref} was touched`);
      assert.notEqual(now, '', 'the published branch was deleted');
      if (old === '' || contains(origin, old, now)) continue;
      count('replaced');
      const isMerged = [...merged].some((head) => contains(layout.repo, old, head)) || isContent(old);
      assert.ok(isMerged, `${old} was overwritten by ${now} and had not been merged: ${JSON.stringify(state)}`);
    }
    return result;
  };
  const isContent = (commit: string): boolean => {
    const main = git(layout.repo, 'rev-parse', 'refs/remotes/origin/main^{tree}');
    try {
      return git(layout.repo, 'merge-tree', '--write-tree', 'refs/remotes/origin/main', commit).split('\n')[0] === main;
    } catch {
      return false;
    }
  };

  const promote = async (commit: string): Promise<PushReport> => {
    [live, previous] = [commit, live];
    await repo.markLive(live, previous);
    const report = await watched(() => branches.pushMachine(commit, never));
    count(`push ${report.status}`);
    if (report.status === 'pushed' && report.commit !== headOf(origin, 'machine'))
      assert.fail('pushed another commit than the promoted one');
    return report;
  };
  /** A deploy up to its promotion, judged by the real gate. Answers whether the commit went live. */
  const deploy = async (branch: 'machine' | 'main', trigger: 'agent' | 'manual', failsLater: boolean): Promise<boolean> => {
    const before = `${headOf(origin, 'machine')} ${live}`;
    const found = await watched(() => repo.resolve({ branch }, never));
    if (!found.ok) return false;
    const { commit } = found.value;
    const main = headOf(layout.repo, 'refs/remotes/origin/main');
    const judged = await gate.check({ live, candidate: commit, branch, trigger, signal: never });
    // Somebody who deploys main decides what is live.
    const lost = branch === 'main' ? [] : words.lost(layout.repo, { live, main, candidate: commit });
    if (judged.ok && !failsLater) {
      assert.deepEqual(lost, [], `${commit} passed the gate and takes humans' live work back: live ${live}, main ${main}`);
      await promote(commit);
      count(`${branch} went live`);
      return true;
    }
    if (!judged.ok) {
      assert.equal(judged.failure.code, 'gate_stale_base', judged.failure.error);
      assert.equal(branch, 'machine', `a human's deploy was refused: ${judged.failure.error}`);
      count(judged.failure.evidence?.rule === 'stale_base: undone' ? 'refused undone' : 'refused');
      if (lost.length > 0) count('refused what loses work');
    }
    assert.equal(
      `${headOf(origin, 'machine')} ${headOf(layout.repo, 'refs/greenroom/live')}`,
      before,
      'a deploy without promotion moved a ref',
    );
    return false;
  };
  const reset = async (): Promise<ResetReport> => {
    await watched(() => branches.refresh(never));
    state = await branches.mergedState();
    count(`state ${state.state}`);
    const before = tree();
    const unsavedBefore = unsaved;
    const report = await watched(() => branches.resetMachine(never));
    count(report.status === 'postponed' ? `postponed ${report.reason}` : `reset ${report.status}`);
    if (says.agentBusy || report.status !== 'reset') {
      assert.equal(tree(), before, 'the workspace was touched without a reset');
      return report;
    }
    const main = headOf(layout.repo, 'refs/remotes/origin/main');
    if (state.state === 'merged' || state.state === 'partly') {
      assert.equal(report.commit, main);
      assert.equal(tree(), `${main}  refs/heads/machine`);
      unsaved = [];
    }
    if (report.published?.status === 'pushed') assert.equal(headOf(origin, 'machine'), report.commit);
    for (const word of unsavedBefore) {
      const here = FILES.some((file) => readFileSync(join(workspace, file), 'utf8').includes(word));
      const kept = (await branches.rescues()).some(({ ref }) => attempt(layout.repo, 'grep', '-q', '-F', word, ref));
      assert.ok(here || kept, `unsaved "${word}" is lost`);
    }
    return report;
  };
  const agentSaves = (): void => {
    if (git(workspace, 'status', '--porcelain') !== '') save(workspace, 'agent: save');
    unsaved = [];
    known.add(headOf(workspace, 'HEAD'));
  };
  const agentMerges = (ref: string, how: readonly string[] = KEEP_MINE): boolean => {
    agentSaves();
    git(workspace, 'fetch', '-q', '--prune', 'origin');
    if (headOf(workspace, ref) === '') return true;
    const done = attempt(workspace, 'merge', '-q', '--no-edit', ...how, ref) || undo(workspace);
    known.add(headOf(workspace, 'HEAD'));
    return done;
  };
  /** What the gate's remedy says. */
  const agentRestores = (): void => {
    words.restore(workspace, 'origin/main');
    agentSaves();
  };
  /** What the forge's button does. */
  const accept = async (human: string, how: 'merge' | 'squash' | 'edited', event: boolean): Promise<void> => {
    if (!pull(human)) return;
    const head = headOf(human, 'origin/machine');
    if (head === '' || contains(human, head, 'main')) return;
    const style = how === 'merge' ? ['--no-ff', '-m', 'accept machine'] : ['--squash'];
    if (!attempt(human, 'merge', '-q', ...style, ...(how === 'edited' ? ['-X', 'theirs'] : []), head)) return void undo(human);
    if (how === 'edited') words.write(human, 'human', known.size);
    if (how !== 'merge') save(human, `squash machine`);
    publishMain(human);
    merged.add(head);
    count(`accepted by ${how}`);
    if (event && online) {
      await branches.refresh(never);
      assert.equal(await branches.noteMerged(head, never), true);
    }
  };

  const moves: RandomWorld['moves'] = {
    humanCommits: async (choice) => {
      const human = humanOf(choice);
      git(human, 'checkout', '-q', 'main');
      words.write(human, 'human', choice);
      save(human, 'human work');
    },
    humanPushes: async (choice) => {
      const human = humanOf(choice);
      if (pull(human)) publishMain(human);
    },
    humanWorksOnMachine: async (choice) => {
      const human = humanOf(choice);
      if (choice % 3 !== 0 || !pull(human) || headOf(human, 'origin/machine') === '') return;
      git(human, 'checkout', '-q', '--detach', 'origin/machine');
      words.write(human, 'humanOnMachine', choice);
      save(human, 'human on machine');
      git(human, 'push', '-q', 'origin', 'HEAD:machine');
      remember(human, 'HEAD');
      git(human, 'checkout', '-q', 'main');
      count('human pushed to machine');
    },
    humanReverts: async (choice) => {
      const human = humanOf(choice);
      if (!pull(human) || headOf(human, 'main^') === '' || headOf(human, 'main^2') !== '') return;
      if (attempt(human, 'revert', '--no-edit', 'main')) publishMain(human);
      else attempt(human, 'revert', '--abort');
    },
    agentEdits: async (choice) => {
      unsaved.push(words.write(workspace, 'agent', choice));
    },
    agentCommits: async (choice) => {
      words.write(workspace, 'agent', choice + 3);
      agentSaves();
    },
    agentMergesMain: async () => {
      agentMerges('origin/main');
    },
    /** A merge that takes nothing of the humans' work: it is in the history, and not in the files. */
    agentMergesNothing: async () => {
      agentMerges('origin/main', ['-s', 'ours']);
    },
    agentRestoresWork: async () => {
      if (agentMerges('origin/main')) agentRestores();
    },
    agentMergesPublished: async () => {
      agentMerges('origin/machine');
    },
    agentTakesWorkBack: async () => {
      const branch = git(workspace, 'for-each-ref', '--format=%(refname)', 'refs/heads/rescue/').split('\n')[0];
      if (branch && agentMerges(branch)) count('took rescued work back');
    },
    agentTurn: async (choice) => {
      says.agentBusy = choice % 3 === 0;
    },
    deployMachine: async (choice) => void (await deploy('machine', choice % 2 === 0 ? 'agent' : 'manual', choice % 7 === 0)),
    deployMain: async (choice) => void (await deploy('main', 'manual', choice % 7 === 0)),
    rollback: async () => {
      if (previous !== '') await promote(previous);
    },
    retryPush: async () => {
      count(`push ${(await watched(() => branches.pushMachine(live, never))).status}`);
    },
    acceptByMerge: (choice) => accept(humanOf(choice), 'merge', choice % 2 === 0),
    acceptBySquash: (choice) => accept(humanOf(choice), 'squash', choice % 4 === 0),
    acceptEdited: (choice) => accept(humanOf(choice), 'edited', true),
    deletePublished: async (choice) => {
      const head = headOf(origin, 'machine');
      if (choice % 3 !== 0 || head === '' || !merged.has(head) || !online) return;
      // A webhook has told of the last push before.
      await branches.refresh(never);
      git(origin, 'update-ref', '-d', 'refs/heads/machine');
      count('published branch deleted');
    },
    reset: async () => void (await reset()),
    network: async (choice) => {
      online = choice % 3 !== 0;
    },
  };

  const settle = async (): Promise<void> => {
    online = true;
    says.agentBusy = false;
    // What a human kept to themselves could conflict with what the agent has merged.
    for (const human of humans) if (pull(human)) publishMain(human);
    assert.ok(agentMerges('origin/machine') && agentMerges('origin/main'));
    agentRestores();
    if (!(await deploy('machine', 'agent', false))) {
      // What is live may be a human's that main never got, or did not keep: not the agent's to settle. A human ships main, which decides what is live.
      assert.ok(!contains(layout.repo, live, headOf(origin, 'main')), 'work that holds all of main was refused');
      assert.ok(await deploy('main', 'manual', false));
      assert.ok(await deploy('machine', 'agent', false), 'work that holds all of main, which is live, was refused');
    }
    await accept(world.human, 'squash', true);
    assert.ok(await deploy('main', 'manual', false));
    await reset();
    const main = headOf(origin, 'main');
    state = await branches.mergedState();
    assert.ok(state.state === 'current' || state.state === 'behind', `ends ${JSON.stringify(state)}`);
    if (state.state === 'current') assert.equal(headOf(workspace, 'machine'), main);
    const published = headOf(origin, 'machine');
    assert.ok(published === '' || contains(origin, published, 'main'), 'the published branch has commits that main lacks');
    assert.equal(existsSync(join(workspace, '.git', 'index.lock')), false);
  };

  const checkReachable = (): void => {
    const reachable = new Set<string>();
    for (const folder of [origin, layout.repo, workspace]) for (const id of git(folder, 'rev-list', '--all').split('\n')) reachable.add(id);
    const lost = [...known].filter((id) => !reachable.has(id));
    assert.deepEqual(lost, [], 'commits that no ref reaches');
    assert.equal(git(origin, 'for-each-ref', 'refs/greenroom', 'refs/heads/rescue'), '', 'rescue refs were published');
  };

  words.published(world.human);
  assert.ok((await repo.resolve({ branch: 'main' }, never)).ok);
  await repo.markLive(live, previous);
  return { moves, seen, checkReachable, settle };
}
