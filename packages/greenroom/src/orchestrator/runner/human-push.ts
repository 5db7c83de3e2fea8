/** What a push to the human branch does: the seed's rule is to deploy it, whatever is live; the contract may say otherwise while unmerged work of the agent is live. */
import type { Trigger } from '@greenroom/sdk/wire';
import type { Alert } from '../core/alert.ts';
import type { Branches, Repo } from '../ports.ts';
import type { Runner } from '../runner.ts';
import type { Service } from './service.ts';

export interface HumanPushOptions {
  policy: 'deploy' | 'merge' | 'notify';
  humanBranch: string;
  runner: Runner;
  service: Service;
  repo: Repo;
  branches: Branches;
  alert(alert: Alert): void;
  log(message: string): void;
}

export interface HumanPush {
  /** Deploys the head, or a merge of it, or only says so, as the policy has it. Answers when the request is on its way. */
  deploy(head: string, trigger: Trigger): Promise<void>;
  /** Whether deploying this commit would take commits of the agent off the live app that are not in it. */
  wouldDropAgentWork(head: string): Promise<boolean>;
}

export function createHumanPush({ policy, humanBranch, runner, service, repo, branches, alert, log }: HumanPushOptions): HumanPush {
  async function wouldDropAgentWork(head: string): Promise<boolean> {
    const { live } = runner.state();
    if (!live || head === '' || (await repo.contains(head, live.commit))) return false;
    // Squashed work is in the head by content, though not by history.
    return (await branches.mergedState()).state !== 'merged';
  }

  async function deploy(head: string, trigger: Trigger): Promise<void> {
    const drops = policy !== 'deploy' && (await wouldDropAgentWork(head));
    const live = runner.state().live?.commit ?? '';
    if (!drops) return ask(head, trigger, `${humanBranch} was pushed`);
    const what = `${humanBranch} is at ${head.slice(0, 10)}, and unmerged work of the agent is live`;
    if (policy === 'notify') {
      alert({
        key: 'human_push',
        kind: 'human_push',
        severity: 'warning',
        title: 'A push waits for a decision',
        detail: `${what}. Deploy or merge it by hand.`,
      });
      return;
    }
    const merge = await repo.merge(
      live,
      head,
      `Merge ${humanBranch} into the live release\n\nBoth are kept: the push, and the agent's work that is live.`,
    );
    if (merge !== null) return ask(merge, trigger, `${humanBranch} was pushed; merged with the agent's live work`);
    alert({
      key: `merge_conflict:${head}`,
      kind: 'merge_conflict',
      severity: 'warning',
      title: 'A push conflicts with the live work of the agent',
      detail: `${what}. They do not merge cleanly, so the push is deployed as it is; the agent's commits are safe on its branch.`,
    });
    return ask(head, trigger, `${humanBranch} was pushed; it conflicts with the agent's live work`);
  }

  async function ask(commit: string, trigger: Trigger, reason: string): Promise<void> {
    try {
      await service.ask({ kind: 'deploy', commit, branch: '', reason, trigger, caller: 'orchestrator' });
    } catch (error) {
      log(`a deploy of ${commit} could not be asked for: ${(error as Error).message}`);
    }
  }

  return { deploy, wouldDropAgentWork };
}
