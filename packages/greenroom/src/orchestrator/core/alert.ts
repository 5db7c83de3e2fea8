/** What an alert is about. */
export const ALERT_KINDS = [
  'deploys_failing',
  'health_timeout',
  'rolled_back',
  'rollback_failed',
  'live_down',
  'limit_reached',
  'publish_failed',
  'merge_conflict',
  'push_rejected',
  'branch_divergence',
  'human_push',
  'tampering',
  'disk_pressure',
  'schema',
  'journal_damaged',
  'test',
] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

export type Severity = 'info' | 'warning' | 'critical';

/** Something that a person should know without having asked. */
export interface Alert {
  /**
   * What it is about, for de-duplication: `disk_pressure`, `health_timeout:<commit>`. While an alert of a key is open, another one of that key is
   * sent only when its title or severity differs. So numbers that change all the time belong in the detail.
   */
  key: string;
  kind: AlertKind;
  severity: Severity;
  /** One line, about 100 characters at most, that makes sense on a locked telephone. */
  title: string;
  /** What happened and what to do next, in lines of plain text. May be empty. */
  detail: string;
  /** The trouble of this key is over. Sent only when an alert of the key is open, which it closes. */
  resolved?: boolean;
}
