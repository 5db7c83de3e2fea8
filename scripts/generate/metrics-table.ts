import type { MetricDefinition } from '../../packages/greenroom/src/orchestrator/api/metric-definitions.ts';
import { markdownTable } from './markdown-table.ts';

/** The table of all metrics, in Markdown. */
export function metricsTable(metrics: Record<string, MetricDefinition>): string {
  const rows = Object.entries(metrics).map(([name, { type, labels, help }]) => [
    `\`${name}\``,
    type,
    labels.map((label) => `\`${label}\``).join(' '),
    help,
  ]);
  return markdownTable([['metric', 'type', 'labels', 'meaning'], ...rows]);
}
