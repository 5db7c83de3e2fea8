import type { Alert } from '../../core/alert.ts';

/** An alert as it leaves this machine: masked, free of control characters, with all that a receiver needs to place it. Plain JSON. */
export interface Message extends Omit<Alert, 'resolved'> {
  /** Unique; a repeated delivery has the same. */
  id: string;
  app: string;
  host: string;
  /** When it was raised, milliseconds since the epoch. */
  at: number;
  resolved: boolean;
}

/** What begins a line for people. */
export function statusWord({ resolved, severity }: Pick<Message, 'resolved' | 'severity'>): string {
  if (resolved) return 'Resolved';
  return { info: 'Note', warning: 'Warning', critical: 'Critical' }[severity];
}

export function statusMark({ resolved, severity }: Pick<Message, 'resolved' | 'severity'>): string {
  if (resolved) return '✅';
  return { info: 'ℹ️', warning: '⚠️', critical: '🔴' }[severity];
}

/** "shop on web1 · live_down · 2026-01-01T00:00:00Z" */
export function footer({ app, host, kind, at }: Message): string {
  return `${app} on ${host} · ${kind} · ${rfc3339(at)}`;
}

export const rfc3339 = (at: number): string => new Date(at).toISOString();
