/** What a push to the human branch does: the seed's rule is to deploy it, whatever is live; the contract may say otherwise while unmerged work of the agent is live. */
import type { Trigger } from '@greenroom/sdk/wire';
import type { Alert } from '../core/alert.ts';
import { type Facts, reasonToWait } from '../core/drift.ts';
import type { Branches, Log, Repo } from '../ports.ts';
import type { Runner } from '../runner.ts';
import type { Service } from './service.ts';

export interface HumanPushOptions {
  policy: 'deploy' | 'merge' | 'notify';
  humanBranch: string;
  agentBranch: string;
  runner: Pick<Runner, 'state' | 'history'>;
  service: Pick<Service, 'ask'>;
  repo: Pick<Repo, 'contains' | 'merge'>;
  branches: Pick<Branches, 'mergedState'>;
  alert(alert: Alert): void;
  log: Log;
}

/** Where a pushed head leads to, and whether that takes unmerged work of the agent off the live app. */
export type PushFacts = Pick<Facts, 'human_head' | 'human_target' | 'live_has_agent_work' | 'live_contains_human'>;

export interface HumanPush {
  /** A merge that it answers is the same commit each time, as long as head and live release stay the same. */
  facts(head: string): Promise<PushFacts>;
  /**
   * Deploys the head, or a merge of it, or only says so, as the policy has it, unless there is a reason to wait. Answers when the request is on its
   * way. Calls wait for one another, so that two prompts about one head are one deploy.
   */
  deploy(head: string, trigger: Trigger): Promise<void>;
  /** A person has to decide about this head. */
  tell(head: string): void;
  /** Nobody has to any more. */
  untell(): void;
}

/** So many of the oldest unmerged commits are looked for in the live release: dates may lie, but not by more. */
const OLDEST_LOOKED_AT = 10;

export function createHumanPush(options: HumanPushOptions): HumanPush {
  const { policy, humanBranch, agentBranch, runner, service, repo, branches, alert, log } = options;
  const decision = { key: 'human_push', kind: 'human_push', severity: 'warning' } as const;
  let last: Promise<void> = Promise.resolve();

  async function facts(head: string): Promise<PushFacts> {
    const live = runner.state().live?.commit ?? '';
    const contained = live !== '' && head !== '' && (await repo.contains(live, head));
    const drops = !contained && policy !== 'deploy' && (await dropsAgentWork(live, head));
    const merge = drops && policy === 'merge' ? await repo.merge(live, head, mergeMessage(humanBranch)) : null;
    return { human_head: head, human_target: merge ?? head, live_has_agent_work: drops, live_contains_human: contained };
  }

  /** Whether deploying the head would take commits of the agent off the live app that are not in it. */
  async function dropsAgentWork(live: string, head: string): Promise<boolean> {
    if (live === '' || head === '' || (await repo.contains(head, live))) return false;
    // Squashed work is in the head by content, though not by history.
    const { state, unmerged } = await branches.mergedState();
    if (state !== 'unmerged' && state !== 'partly') return false;
    for (const commit of unmerged.slice(-OLDEST_LOOKED_AT).reverse()) if (await repo.contains(live, commit)) return true;
    // Taken off its branch since, an agent's commit is the agent's all the same.
    const promotion = runner.history().get(runner.state().live?.attempt ?? '');
    return state === 'unmerged' && (promotion?.trigger === 'agent' || promotion?.branch === agentBranch);
  }

  function deploy(head: string, trigger: Trigger): Promise<void> {
    const done = last.then(() => deployNow(head, trigger));
    last = done.catch(() => undefined);
    return done;
  }

  async function deployNow(head: string, trigger: Trigger): Promise<void> {
    const found = await facts(head);
    const { live } = runner.state();
    if (head === '' || head === live?.commit || found.live_contains_human) return;
    const waiting = reasonToWait(found, runner.state(), { on_human_push: policy });
    if (waiting) {
      log(`${humanBranch} is at ${short(head)} and is not deployed: ${waiting.why}.`, { commit: head });
      if (waiting.decision) tell(head);
      return;
    }
    const { human_target: target, live_has_agent_work: drops } = found;
    if (target !== head) return ask(target, trigger, `${humanBranch} was pushed; merged with the agent's live work`);
    if (!drops) return ask(head, trigger, `${humanBranch} was pushed`);
    alert({
      key: `merge_conflict:${head}`,
      kind: 'merge_conflict',
      severity: 'warning',
      title: 'A push conflicts with the live work of the agent',
      detail: `${humanBranch} is at ${short(head)}, and unmerged work of the agent is live. They do not merge cleanly, so the push is deployed as it is; the agent's commits are safe on ${agentBranch}.`,
    });
    return ask(head, trigger, `${humanBranch} was pushed; it conflicts with the agent's live work`);
  }

  async function ask(commit: string, trigger: Trigger, reason: string): Promise<void> {
    try {
      await service.ask({ kind: 'deploy', commit, branch: '', reason, trigger, caller: 'orchestrator' });
    } catch (error) {
      log(`a deploy of ${commit} could not be asked for: ${(error as Error).message}`, { level: 'error', commit });
    }
  }

  function tell(head: string): void {
    alert({
      ...decision,
      title: `${humanBranch} is at ${short(head)} and waits for a decision`,
      detail: `Unmerged work of the agent is live, and on_human_push is "notify". Deploy ${humanBranch} as it is (greenroom deploy ${humanBranch}), or have it merged into ${agentBranch} and deploy that.`,
    });
  }

  const untell = (): void => alert({ ...decision, title: `${humanBranch} waits for no decision any more`, detail: '', resolved: true });

  return { facts, deploy, tell, untell };
}

const mergeMessage = (humanBranch: string): string =>
  `Merge ${humanBranch} into the live release\n\nBoth are kept: the push, and the agent's work that is live.`;

const short = (commit: string): string => commit.slice(0, 10);
