import { createHash } from 'node:crypto';
import type { ALERT_TARGET_TYPES, Contract } from '../../core/contract.ts';

export type TargetType = (typeof ALERT_TARGET_TYPES)[number];

/** Where the mail server's URL is when a target of type `email` names none. */
export const DEFAULT_SMTP_VARIABLE = 'GREENROOM_SMTP_URL';

/** A place that alerts go to, as the contract describes it: without the values of its secrets. */
export interface Target {
  /** Stable while the contract says the same about it; reveals nothing. */
  id: string;
  type: TargetType;
  /** For people: `slack (hooks.slack.com)`, `email (ops@example.com)`. */
  name: string;
  /** Empty when it is in the variable. */
  url: string;
  urlVariable: string;
  tokenVariable: string;
  to: readonly string[];
  from: string;
}

export type AlertContract = Pick<Contract, 'alert_webhook' | 'alert_targets' | 'secrets_inject'>;

/** The targets of a contract, `alert_webhook` first; one that is there twice counts once. */
export function targetsOf({ alert_webhook, alert_targets }: AlertContract): Target[] {
  const all = alert_targets.map((it) => {
    const to = it.to === undefined ? [] : [it.to].flat();
    const url = it.url ?? '';
    const urlVariable = it.url_env ?? (it.type === 'email' && url === '' ? DEFAULT_SMTP_VARIABLE : '');
    return describe({ type: it.type, url, urlVariable, tokenVariable: it.token_env ?? '', to, from: it.from ?? to[0] ?? '' });
  });
  if (alert_webhook !== undefined) {
    all.unshift(describe({ type: typeByHost(alert_webhook), url: alert_webhook, urlVariable: '', tokenVariable: '', to: [], from: '' }));
  }
  return [...new Map(all.map((it) => [it.id, it])).values()];
}

/** The names of all secrets that targets need. */
export function variablesOf(targets: readonly Target[]): string[] {
  return [...new Set(targets.flatMap((it) => [it.urlVariable, it.tokenVariable]).filter(Boolean))];
}

function describe(target: Omit<Target, 'id' | 'name'>): Target {
  const { type, url, urlVariable, to, from } = target;
  const place = type === 'email' ? to.join(', ') : urlVariable || new URL(url).host;
  const id = createHash('sha256')
    .update(JSON.stringify([type, url, urlVariable, to, from]))
    .digest('hex')
    .slice(0, 12);
  return { ...target, id, name: `${type} (${place})` };
}

/** Discord takes Slack's format too, at `/slack` below a webhook. */
function typeByHost(address: string): TargetType {
  const { hostname, pathname } = new URL(address);
  if (/^hooks\.slack(-gov)?\.com$/.test(hostname) || pathname.endsWith('/slack')) return 'slack';
  if (/^(?:(?:canary|ptb)\.)?discord(?:app)?\.com$/.test(hostname)) return 'discord';
  if (hostname === 'ntfy.sh') return 'ntfy';
  return 'webhook';
}
