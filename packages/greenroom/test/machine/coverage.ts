/** Which situations the stories reached. A situation that is never reached is a rule that is never tried. */
import type { Command } from '../../src/orchestrator/core/commands.ts';
import { MACHINE_EVENT_TYPES, type MachineEvent } from '../../src/orchestrator/core/events.ts';
import { isAutomatic } from '../../src/orchestrator/core/machine/rules.ts';
import { DEPLOY_STEPS } from '../../src/orchestrator/core/plan.ts';
import type { State } from '../../src/orchestrator/core/state.ts';
import type { Simulation } from './world.ts';

const COMMAND_TYPES: readonly Command['type'][] = [
  'run_step',
  'await_approval',
  'abort_step',
  'undo',
  'finish',
  'drain',
  'cancel_drain',
  'stop',
  'keep_standby',
  'restart',
  'switch_live',
  'clear_route',
  'publish',
  'watch',
  'shut_down',
];

/** Events that are hardly ever, or never, too late in one life; the stale ones of the rules and the table cover them. */
const NEVER_IGNORED: readonly string[] = [
  'started',
  'deploy_requested',
  'restart_requested',
  'published',
  'stopped',
  'undone',
  'watch_failed',
  'watch_elapsed',
  'approval_expired',
  'frozen',
  'override_granted',
];

export const SITUATIONS: readonly string[] = [
  ...COMMAND_TYPES.map((it) => `command ${it}`),
  ...MACHINE_EVENT_TYPES.map((it) => `event ${it}`),
  ...MACHINE_EVENT_TYPES.filter((it) => !NEVER_IGNORED.includes(it)).map((it) => `ignored ${it}`),
  ...DEPLOY_STEPS.flatMap((it) => [`failed in ${it}`, `interrupted in ${it}`]),
  ...DEPLOY_STEPS.filter((it) => it !== 'promote').flatMap((it) => [`rollback aborts a deploy in ${it}`, `stopped in ${it}`]),
  'rollback asked for during promote',
  'rollback asked for while a restart is promoted',
  'restart promoted',
  'restart promoted while the live release is watched',
  'restart promoted while the live release is down',
  'restart refused: nothing is live',
  'restart aborted by a rollback',
  'restart interrupted, and found promoted',
  'rollback ends what waits for approval',
  'a deploy ends what waits for approval',
  'a freeze ends what waits for approval',
  'stopped while waiting for approval',
  'candidate ended while it waited for approval',
  'live ended while another waited for approval',
  'a deploy waited when approval was to be asked for',
  'died while waiting for approval: still waits',
  'died while waiting for approval: candidate gone',
  'approved, and no longer healthy',
  'rollback to the standby',
  'rollback takes a draining instance back',
  'rollback boots the previous release',
  'rollback has to prepare its slot',
  'the warm instance did not hold',
  'the database refused the warm instance',
  'a refused standby stays for the next rollback',
  'rollback refused: nothing before',
  'rollback refused: previous is faulty',
  'automatic rollback promoted',
  'automatic rollback aborts a deploy',
  'watch ends while a promotion is under way',
  'quarantined commit deployed again',
  'same commit again',
  'superseded',
  'agent overtaken to the limit',
  'waits for its slot',
  'interrupted while waiting for its slot',
  'interrupted while undoing',
  'died in promote: before the switch',
  'died in promote: after the switch',
  'died in promote: after the switch, candidate gone',
  'died while a standby ran',
  'died during a drain',
  'died during a restart',
  'died during a restart: after the switch',
  'started with the live release gone',
  'candidate ended while it was promoted',
  'live ended while another was promoted',
  'restart ready while another is promoted',
  'live ended during a deploy',
  'crash loop',
  'crashes forgiven',
  'ended between adoption and start',
  'standby expired',
  'crash',
  'power-off',
  'stopped',
  'detached',
  'asked for while stopping',
];

export function observe(sim: Simulation, before: State, event: MachineEvent, commands: readonly Command[]): void {
  const { seen, state: after } = sim;
  seen(`event ${event.type}`);
  for (const it of commands) seen(`command ${it.type}`);
  observeAttempt(sim, before, event);
  observeOutcomes(sim, before, event, commands);
  if (event.type === 'started') observeStart(sim, before, event);
  if (after.attempt?.waiting_for.length) seen('waits for its slot');
  const promoting = before.attempt?.phase === 'running' && before.attempt.step === 'promote';
  if (event.type === 'instance_exited' && before.live?.instance === event.instance) {
    if (promoting) seen('live ended while another was promoted');
    else if (before.attempt) seen('live ended during a deploy');
    if (after.crashes === 1 && before.crashes > 1) seen('crashes forgiven');
  }
  if (event.type === 'restart_ready' && promoting) seen('restart ready while another is promoted');
  if (event.type === 'watch_failed' && promoting) seen('watch ends while a promotion is under way');
  if (after.attempt?.candidate_exit) seen('candidate ended while it was promoted');
  if (after.crashes > 2) seen('crash loop');
  if (event.type === 'standby_expired') seen('standby expired');
  if (event.type === 'deploy_requested' && before.stopping !== 'no') seen('asked for while stopping');
}

function observeAttempt({ seen, state: after }: Simulation, before: State, event: MachineEvent): void {
  const was = before.attempt;
  const is = after.attempt;
  if (event.type === 'step_failed') seen(`failed in ${event.step}`);
  if (is && is.id !== was?.id && is.kind === 'rollback') {
    if (is.reused && before.standby?.instance === is.candidate) seen('rollback to the standby');
    if (is.reused && before.retiring.some((it) => it.instance === is.candidate)) seen('rollback takes a draining instance back');
    if (is.steps[0] === 'boot') seen('rollback boots the previous release');
    if (is.steps[0] === 'prepare') seen('rollback has to prepare its slot');
  }
  if (was?.reused && is?.id === was.id && !is.reused) seen('the warm instance did not hold');
  const refused = event.type === 'step_failed' && event.failure.code === 'schema_incompatible';
  if (refused && was?.reused && is?.phase === 'undoing' && is.candidate === null) seen('the database refused the warm instance');
  if (was?.phase === 'undoing' && was.reused && after.standby && !before.standby) seen('a refused standby stays for the next rollback');
  if (event.type === 'rollback_requested' && was?.phase === 'running' && was.step === 'promote')
    seen(was.kind === 'restart' ? 'rollback asked for while a restart is promoted' : 'rollback asked for during promote');
  if (event.type === 'step_failed' && was?.approval?.approved) seen('approved, and no longer healthy');
  const asked = was?.phase === 'running' && was.step === 'probe' && is?.approval && is.id === was.id && !is.approval.approved;
  if (asked && is.phase === 'undoing') seen('a deploy waited when approval was to be asked for');
  if (was?.phase === 'waiting') observeWaiting(seen, event, is?.phase === 'undoing', before);
  if (was?.phase !== 'running' || is?.phase !== 'undoing') return;
  if (event.type === 'rollback_requested')
    seen(was.kind === 'restart' ? 'restart aborted by a rollback' : `rollback aborts a deploy in ${was.step}`);
  if (event.type === 'stop_requested') seen(`stopped in ${was.step}`);
  if (after.queue[0] && isAutomatic(after.queue[0])) seen('automatic rollback aborts a deploy');
}

function observeWaiting(seen: (situation: string) => void, event: MachineEvent, ended: boolean, before: State): void {
  if (event.type === 'started') seen(`died while waiting for approval: ${ended ? 'candidate gone' : 'still waits'}`);
  if (event.type === 'instance_exited' && before.live?.instance === event.instance && !ended)
    seen('live ended while another waited for approval');
  if (!ended) return;
  if (event.type === 'rollback_requested') seen('rollback ends what waits for approval');
  if (event.type === 'deploy_requested') seen('a deploy ends what waits for approval');
  if (event.type === 'frozen') seen('a freeze ends what waits for approval');
  if (event.type === 'stop_requested') seen('stopped while waiting for approval');
  if (event.type === 'instance_exited' && before.attempt?.candidate === event.instance)
    seen('candidate ended while it waited for approval');
}

function observeOutcomes({ seen, requests }: Simulation, before: State, event: MachineEvent, commands: readonly Command[]): void {
  for (const it of commands) {
    if (it.type !== 'finish') continue;
    const request = requests.get(it.attempt)?.request;
    if (it.outcome.ok) {
      if (request?.kind === 'restart') observeRestart(seen, before, event);
      if (request && isAutomatic(request)) seen('automatic rollback promoted');
      if (request?.kind === 'deploy' && before.quarantine.includes(it.outcome.commit)) seen('quarantined commit deployed again');
      if (request?.kind === 'deploy' && before.live?.commit === it.outcome.commit) seen('same commit again');
    } else if (it.outcome.failure.code === 'nothing_live') seen('restart refused: nothing is live');
    else if (it.outcome.failure.code === 'superseded') seen('superseded');
    else if (it.outcome.failure.code === 'no_previous_release' && event.type === 'rollback_requested') {
      seen(before.previous?.faulty ? 'rollback refused: previous is faulty' : 'rollback refused: nothing before');
    }
  }
}

function observeRestart(seen: (situation: string) => void, before: State, event: MachineEvent): void {
  seen('restart promoted');
  if (before.watch) seen('restart promoted while the live release is watched');
  if (before.live?.instance === null) seen('restart promoted while the live release is down');
  if (event.type === 'started') seen('restart interrupted, and found promoted');
}

function observeStart({ seen, facts }: Simulation, before: State, event: Extract<MachineEvent, { type: 'started' }>): void {
  const { attempt, restart, live } = before;
  const alive = new Set(event.alive.map((it) => it.instance));
  const { route } = event;
  if (attempt?.phase === 'undoing') seen('interrupted while undoing');
  else if (attempt) {
    seen(`interrupted in ${attempt.step}`);
    if (attempt.waiting_for.length > 0) seen('interrupted while waiting for its slot');
    if (attempt.step === 'promote') {
      if (route !== attempt.candidate) seen('died in promote: before the switch');
      else seen(alive.has(route ?? '') ? 'died in promote: after the switch' : 'died in promote: after the switch, candidate gone');
    }
  }
  if (event.alive.some((it) => !facts.processes.has(it.instance))) seen('ended between adoption and start');
  if (before.standby && alive.has(before.standby.instance)) seen('died while a standby ran');
  if (before.retiring.some((it) => it.phase === 'draining' && alive.has(it.instance))) seen('died during a drain');
  if (restart && alive.has(restart.instance))
    seen(route === restart.instance ? 'died during a restart: after the switch' : 'died during a restart');
  if (live && live.instance !== null && !alive.has(live.instance)) seen('started with the live release gone');
}
