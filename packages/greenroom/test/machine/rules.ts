/** The names of the rules. Each is shown, by a fault that it catches, to be able to fail. */
export const RULES = [
  'a_deploy_ends_the_quarantine',
  'a_deploy_leaves_the_live_slot',
  'a_failed_watch_rolls_back',
  'a_freeze_holds',
  'a_promotion_that_took_effect_stands',
  'a_person_decides_what_the_agent_may_promote',
  'a_refused_event_has_a_reason',
  'a_rollback_never_waits_for_a_deploy',
  'a_restart_changes_nothing_else',
  'a_restart_is_of_what_is_live',
  'a_restart_leaves_nothing_warm',
  'a_slot_is_overwritten_only_when_nothing_runs_in_it',
  'a_stop_comes_to_rest',
  'a_stop_refuses_what_waits',
  'a_stop_stops_everything',
  'an_instance_has_one_role',
  'an_undo_ends_the_candidate',
  'every_request_is_taken',
  'everything_ends',
  'instance_names_are_unique',
  'instances_are_what_they_are_taken_for',
  'newer_supersedes_older',
  'no_instance_is_forgotten',
  'no_rollback_to_a_faulty_release',
  'nobody_starves',
  'nothing_waits_for_nothing',
  'one_attempt_at_a_time',
  'one_outcome_each',
  'one_rollback_at_a_time',
  'one_step_at_a_time',
  'only_a_promotion_changes_what_is_live',
  'only_live_and_standby_run',
  'people_go_first',
  'previous_is_the_way_back',
  'quarantine_holds_what_was_rolled_back_from',
  'requests_never_reach_a_stopped_instance',
  'rollback_goes_to_previous',
  'stale_events_change_nothing',
  'state_is_plain_json',
  'the_live_instance_is_drained_first',
  'the_live_instance_is_not_stopped',
  'the_live_release_serves',
  'the_outcome_is_true',
  'views_tell_the_truth',
  'what_is_live_is_published',
  'what_is_live_is_routed',
  'what_is_live_is_what_was_promoted',
  'what_serves_was_probed',
  'what_waits_for_approval_has_proved_itself',
  'what_waits_for_approval_holds_nobody_up',
] as const;

export type Rule = (typeof RULES)[number];

/** A rule that does not hold. */
export class Violation extends Error {
  readonly rule: Rule;

  constructor(rule: Rule, detail: string) {
    super(`${rule}: ${detail}`);
    this.rule = rule;
  }
}

export function hold(rule: Rule, holds: boolean, detail: string | (() => string)): asserts holds {
  if (!holds) throw new Violation(rule, typeof detail === 'string' ? detail : detail());
}
