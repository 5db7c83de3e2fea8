/** Conflicts with the human branch that the agent could not resolve: somebody has to know, and has to know when it is over. */
import { type FSWatcher, watch } from 'node:fs';
import { basename } from 'node:path';
import { nulFields } from '../inert-git.ts';
import { readAgentReport } from '../orchestrator/adapters/agent-report.ts';
import type { OpenedRepo } from '../orchestrator/adapters/git/repo.ts';
import type { Alert } from '../orchestrator/core/alert.ts';
import type { Contract } from '../orchestrator/core/contract.ts';
import type { Layout } from '../orchestrator/layout.ts';

export interface GaveUpOptions {
  layout: Pick<Layout, 'agentReport' | 'run'>;
  repo: Pick<OpenedRepo, 'git' | 'branches' | 'contains'>;
  contract: Pick<Contract, 'human_branch' | 'agent_branch'>;
  alert(alert: Alert): void;
  log(message: string): void;
}

export interface GaveUp {
  /** Believes nothing of the agent's report: whether there is a conflict, and in which files, says the git of the orchestrator, as of its last fetch. */
  look(signal: AbortSignal): Promise<void>;
  /** Calls back when a turn has left a report. Answers a function that ends it. */
  watch(listener: () => void): () => void;
}

const MOST_FILES = 10;
const FILE_LENGTH = 200;

export function createGaveUp({ layout, repo, contract, alert, log }: GaveUpOptions): GaveUp {
  const { human_branch: human, agent_branch: agent } = contract;
  // One key for all of them: another commit makes another title, and so an alert of its own.
  const about = { key: 'merge_conflict:agent', kind: 'merge_conflict', severity: 'warning' } as const;

  async function conflicts(commit: string, signal: AbortSignal): Promise<string[]> {
    const heads = await repo.branches();
    const [theirs = '', ours = ''] = [heads[human], heads[agent]];
    // Taken off the human branch, or merged since.
    if (!(await repo.contains(theirs, commit)) || (await repo.contains(ours, commit))) return [];
    const args = ['merge-tree', '--write-tree', '-z', '--name-only', '--no-messages', ours, commit];
    const { code, stdout } = await repo.git.run(args, { signal });
    return code === 1 ? [...new Set(nulFields(stdout).slice(1))] : [];
  }

  return {
    async look(signal) {
      const report = await readAgentReport(layout.agentReport);
      if (report === null) return;
      const { human_commit: commit, conversation } = report;
      const files = await conflicts(commit, signal);
      if (files.length === 0) return alert({ ...about, title: `${human} conflicts with ${agent} no more`, detail: '', resolved: true });
      const named = files.slice(0, MOST_FILES).map((file) => JSON.stringify(file.slice(0, FILE_LENGTH)));
      const more = files.length > named.length ? ` and ${files.length - named.length} more` : '';
      alert({
        ...about,
        title: `The agent gave up merging ${human} (${commit.slice(0, 10)}) into ${agent}`,
        detail: [
          `They conflict in ${named.join(', ')}${more}.`,
          `What the agent said of it stands in its conversation ${conversation}. Until somebody merges ${human} into ${agent}, what the agent deploys lacks the newest work of people, and the gate may refuse it.`,
        ].join('\n'),
      });
    },
    watch(listener) {
      let watcher: FSWatcher | undefined;
      try {
        watcher = watch(layout.run, { persistent: false }, (_event, name) => name === basename(layout.agentReport) && listener());
        watcher.on('error', (error) => log(`The agent's reports are seen only by the loop: ${error.message}`));
      } catch (error) {
        // Without a watch left on this machine, the loop finds it.
        log(`The agent's reports are seen only by the loop: ${(error as Error).message}`);
      }
      return () => watcher?.close();
    },
  };
}
