/** What is not as it should be between deploys, and what to do about it. Pure: the loop gathers the facts and carries out the actions. */
import type { SchemaStatus } from '@greenroom/sdk/wire';
import { inRange, range, schemaView } from './schema.ts';
import type { Drift, State } from './state.ts';

export interface Facts {
  /** Head of the human branch; empty when it is not known. */
  human_head: string;
  human_branch: string;
  /** What a push of that head leads to: the head itself, or its merge with what is live. */
  human_target: string;
  /** Whether everything on the human branch is in the live commit. */
  live_contains_human: boolean;
  /** Whether deploying the human head would take unmerged work of the agent off the live app. */
  live_has_agent_work: boolean;
  agent_branch: string;
  agent_ahead: number;
  /** Whether the agent's branch, or its published copy, still has to be set to the human head. */
  agent_merged: boolean;
  /** Why that has to wait; empty when it does not. */
  reset_waits: string;
  unpublished: string[];
  /** Why the live instance does not hold; empty when it does. */
  unhealthy: string;
  /** What runs or is routed to is not what the journal says is live; empty when it is, null when it cannot be told during an attempt. */
  mismatch: string | null;
  /** Paths in the slots that are not as their commit has them; null when it cannot be told during an attempt. */
  changed: { slot: 'a' | 'b'; paths: string[] }[] | null;
  /** What the live instance says of the database; null when it has no schema status, or nothing is live. */
  schema: { ok: true; status: SchemaStatus } | { ok: false; problem: string } | null;
  disk_percent: number;
  journal_problem: string;
}

export interface Limits {
  on_human_push: 'deploy' | 'merge' | 'notify';
  max_branch_divergence: number;
  disk_threshold_percent: number;
  alert_after_failures: number;
}

const NAMED_PATHS = 5;

/** Findings in a fixed order, each name at most once. */
export function findDrift(facts: Facts, state: State, limits: Limits, at: number): Drift[] {
  const found = [
    humanAhead(facts, state, limits),
    agentDiverged(facts, limits),
    machineMerged(facts),
    liveUnhealthy(facts, state),
    facts.mismatch === null ? known(state, 'live_mismatch') : liveMismatch(facts.mismatch),
    facts.changed === null ? known(state, 'slot_changed') : slotChanged(facts.changed),
    schemaMoved(facts, state),
    schemaIncompatible(facts, state),
    diskPressure(facts, limits),
    deploysFailing(state, limits),
    facts.unpublished.length > 0 && {
      name: 'unpublished' as const,
      detail: `Not published yet: ${facts.unpublished.join('; ')}.`,
      action: 'publish' as const,
    },
    facts.journal_problem && { name: 'journal_damaged' as const, detail: facts.journal_problem, action: 'alert' as const },
  ];
  return found.filter((it) => it !== null && it !== false && it !== '').map((it) => ({ ...it, at: since(state, it, at) }));
}

type Finding = Omit<Drift, 'at'>;

/** What cannot be looked at now is as it was: else it would be over, and found anew, with every deploy. */
function known(state: State, name: Drift['name']): Finding | null {
  return state.drift.find((it) => it.name === name) ?? null;
}

/** A finding keeps the time at which it was first made. */
function since(state: State, finding: Finding, at: number): number {
  return state.drift.find((it) => it.name === finding.name)?.at ?? at;
}

function humanAhead(facts: Facts, state: State, limits: Limits): Finding | null {
  const { human_head: head, human_branch: branch } = facts;
  if (!state.live || head === '' || head === state.live.commit || facts.live_contains_human) return null;
  const detail = `${branch} is at ${short(head)}, which is not live`;
  const waiting = reasonToWait(facts, state, limits);
  if (!waiting) return { name: 'human_ahead', detail: `${detail}; deploying it.`, action: 'deploy' };
  return { name: 'human_ahead', detail: `${detail}: ${waiting.why}.`, action: waiting.decision ? 'alert' : 'none' };
}

/** Why a pushed head is left alone, although it is not live; null when it is not. `decision`: until a person decides. */
export function reasonToWait(
  { human_head: head, human_target: target, live_has_agent_work }: Pick<Facts, 'human_head' | 'human_target' | 'live_has_agent_work'>,
  state: State,
  { on_human_push }: Pick<Limits, 'on_human_push'>,
): { why: string; decision: boolean } | null {
  const wait = (why: string, decision = false) => ({ why, decision });
  const leadsTo = (commit: string): boolean => commit === target || commit === head;
  if (state.quarantine.some(leadsTo)) return wait('it was rolled back from, so only a person deploys it again');
  if (state.failed_commits.some(leadsTo)) return wait('its deploy failed, and it has not changed since');
  if (state.settled_head === head) return wait('somebody chose what is live by hand when it was known already');
  if (state.freeze?.scope === 'all') return wait(`deploys are frozen (${state.freeze.reason})`);
  const asked = [state.attempt, ...state.queue].filter((it) => it !== null);
  // What waits for approval is not on its way: a push of the same commit is somebody's approval, and goes before it.
  const deploys = asked.filter((it) => it.kind === 'deploy' && !('phase' in it && it.phase === 'waiting'));
  if (deploys.some((it) => leadsTo(it.commit) || ('resolved' in it && leadsTo(it.resolved)))) return wait('its deploy is under way');
  // Behind it in the queue, the head would undo the choice. Should it fail, the next look finds the head as before.
  if (asked.some((it) => it.trigger === 'manual' && it.human_head === head))
    return wait('somebody is choosing what is live by hand, who could know it already');
  if (on_human_push !== 'notify' || !live_has_agent_work) return null;
  return wait("unmerged work of the agent is live, and on_human_push is 'notify', so a person decides", true);
}

function agentDiverged({ agent_branch: branch, agent_ahead: ahead }: Facts, { max_branch_divergence: most }: Limits): Finding | null {
  if (ahead <= most) return null;
  const detail = `${branch} has ${ahead} commits that are not merged (max_branch_divergence is ${most}): merge or squash them.`;
  return { name: 'agent_diverged', detail, action: 'alert' };
}

function machineMerged({ agent_merged, agent_branch, human_branch, reset_waits }: Facts): Finding | null {
  if (!agent_merged) return null;
  if (reset_waits !== '') return { name: 'machine_merged', detail: `${agent_branch} has been merged. ${reset_waits}`, action: 'reset' };
  return { name: 'machine_merged', detail: `${agent_branch} has been merged; setting it to the head of ${human_branch}.`, action: 'reset' };
}

function liveUnhealthy({ unhealthy }: Facts, state: State): Finding | null {
  if (!state.live || unhealthy === '') return null;
  return { name: 'live_unhealthy', detail: `The live release ${short(state.live.commit)} does not hold: ${unhealthy}`, action: 'alert' };
}

function liveMismatch(detail: string): Finding | null {
  return detail === '' ? null : { name: 'live_mismatch', detail, action: 'alert' };
}

function slotChanged(changed: NonNullable<Facts['changed']>): Finding | null {
  if (changed.length === 0) return null;
  const parts = changed.map(({ slot, paths }) => {
    const more = paths.length > NAMED_PATHS ? ` and ${paths.length - NAMED_PATHS} more` : '';
    return `slot ${slot}: ${paths.slice(0, NAMED_PATHS).join(', ')}${more}`;
  });
  const detail = `Files were changed outside of a deploy (${parts.join('; ')}); keeping the edits in a rescue ref and restoring the commit.`;
  return { name: 'slot_changed', detail, action: 'restore' };
}

/** Nobody takes a live release off by itself because of its schema: what was before it may fit even less. */
function schemaIncompatible({ schema }: Facts, { live }: State): Finding | null {
  if (!live || !schema) return null;
  const found = (detail: string): Finding => ({ name: 'schema_incompatible', detail, action: 'alert' });
  if (!schema.ok)
    return found(`The live release ${short(live.commit)} does not say whether it works with the database: ${schema.problem}.`);
  const { status } = schema;
  const { current_schema_version: current, compatible } = status;
  const fits = inRange(status);
  if (compatible && fits) return null;
  const verdict = fits ? ', but it says itself that it is not compatible' : '';
  const detail = `The live release ${short(live.commit)} supports ${range(status)}, and the database is at version ${current}${verdict}.`;
  return found(`${detail} Deploy a commit that supports version ${current}, or take the schema back.`);
}

function schemaMoved({ schema }: Facts, state: State): Finding | null {
  const { live } = state;
  if (!live?.schema || !schema?.ok) return null;
  const { status } = schema;
  const { current_schema_version: before } = live.schema;
  const { current_schema_version: current } = status;
  if (before === current) return null;
  const detail = `The database has moved from schema version ${before} to ${current} since ${short(live.commit)} went live. ${wayBack(state, status)}`;
  return { name: 'schema_moved', detail, action: 'alert' };
}

function wayBack(state: State, now: SchemaStatus): string {
  const previous = schemaView(state, now, '').releases.find((it) => it.role === 'previous');
  if (!previous) return 'There is no release to roll back to.';
  const verdict = { yes: 'is still allowed', no: 'would be refused now', unknown: 'may be refused' }[previous.fits];
  return `A rollback to ${short(previous.commit)} ${verdict}.${previous.why === '' ? '' : ` ${previous.why}`}`;
}

function diskPressure({ disk_percent: percent }: Facts, { disk_threshold_percent: threshold }: Limits): Finding | null {
  if (percent < threshold) return null;
  const detail = `The disk is ${Math.floor(percent)} % full (disk_threshold_percent is ${threshold}); cleaning old logs, rescues and objects.`;
  return { name: 'disk_pressure', detail, action: 'clean' };
}

function deploysFailing({ consecutive_failures: failures }: State, { alert_after_failures: limit }: Limits): Finding | null {
  if (failures < limit) return null;
  return { name: 'deploys_failing', detail: `${failures} deploys in a row have failed.`, action: 'alert' };
}

const short = (commit: string): string => commit.slice(0, 10);
