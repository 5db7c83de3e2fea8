import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeDurably } from './files.ts';
import type { Git } from './git.ts';
import { tryMerge } from './merge.ts';
import { branchRef, commitOf, contains, gitPlace, type WorkspaceOptions } from './place.ts';

/** How the turn began; on disk, so that whoever ends it knows, the runner or who comes after a killed one. */
export interface TurnStart {
  conversation: string;
  turn: string;
  head: string;
  /** Human commit that the agent was told to merge; empty when there was no conflict. */
  conflict: string;
}

/** What the orchestrator's loop reads from `run/agent-report.json`. It asks its own git before it believes any of it. */
export interface AgentReport {
  version: 1;
  /** Commit of the human branch that the agent was told to merge and did not. */
  human_commit: string;
  files: string[];
  conversation: string;
  turn: string;
  time: string;
}

const MOST_FILES = 50;

export async function writeTurnStart(options: WorkspaceOptions, start: TurnStart): Promise<void> {
  await writeDurably(gitPlace(options.paths).turn, JSON.stringify(start));
}

/** Null when no turn was begun that is not ended. */
export async function readTurnStart(options: WorkspaceOptions): Promise<TurnStart | null> {
  const text = await readFile(gitPlace(options.paths).turn, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text === '' ? null : (JSON.parse(text) as TurnStart);
}

export async function endTurnStart(options: WorkspaceOptions): Promise<void> {
  const { turn, trailers } = gitPlace(options.paths);
  await rm(trailers, { force: true });
  await rm(turn, { force: true });
}

/** Leaves word of a conflict that the agent was told to resolve and did not. Answers its files; null when there is nothing to report. */
export async function reportGivenUp(
  git: Git,
  options: WorkspaceOptions,
  { conflict, conversation, turn }: TurnStart,
): Promise<string[] | null> {
  if (conflict === '') return null;
  const head = await commitOf(git, branchRef(options.agentBranch));
  if (head === '' || (await contains(git, head, conflict))) return null;
  const tried = await tryMerge(git, head, conflict);
  if (!('conflicts' in tried)) return null;
  const files = tried.conflicts.slice(0, MOST_FILES);
  const report: AgentReport = { version: 1, human_commit: conflict, files, conversation, turn, time: new Date().toISOString() };
  await mkdir(dirname(options.paths.agentReport), { recursive: true });
  await writeDurably(options.paths.agentReport, `${JSON.stringify(report)}\n`);
  return tried.conflicts;
}
