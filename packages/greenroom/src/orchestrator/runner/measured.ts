/** What is measured beside the machine's state, for `GET /metrics`. Whoever does the work counts it; nothing of it is asked of the world at a scrape. */
import type { Counter, Histogram } from '../core/measures.ts';
import type { Tally } from '../core/tally.ts';
import type { AlertMeasures, TrafficReport } from '../ports.ts';

export interface Measured {
  tally: Tally;
  loop: LoopMeasures;
  alerts: AlertMeasures;
  /** What passed through the proxy; null when nobody says. */
  traffic(): Promise<TrafficReport | null>;
  /** Commit of an instance that runs, or ran not long ago; empty when it is not known. */
  commitOf(instance: string): string;
  /** Reports that wait for GitHub; null without GitHub. */
  reportsWaiting(): number | null;
  /** Turns of the coding agent that ran, by how they ended, in seconds; empty for an app without one. */
  agentTurns(): Promise<{ outcome: string; histogram: Histogram }[]>;
}

export interface LoopMeasures {
  rounds: Counter<{ outcome: 'completed' | 'failed' }>;
  /** What the last round that was completed saw; null until there was one. */
  last: { at: number; ahead: number; behind: number; unpublished: number; disk_percent: number } | null;
}
