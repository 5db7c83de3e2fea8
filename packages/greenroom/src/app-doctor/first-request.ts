import { type AppFinding, fine } from './finding.ts';
import type { Visits } from './traffic.ts';

/** Below this nobody notices. */
const NOTICEABLE_MS = 250;
const TIMES_SLOWER = 5;

/** Whether what comes first to a path waits for something that a later request does not; only when every instance shows it. */
export function checkFirstRequest(instances: readonly (readonly Visits[])[]): AppFinding {
  for (const { path } of instances[0] ?? []) {
    const seen = instances.flatMap((all) => all.filter((it) => it.path === path).map(({ visits }) => visits.map(({ ms }) => ms)));
    const first = Math.min(...seen.map((times) => times[0] ?? 0));
    const later = median(seen.flatMap((times) => times.slice(1)));
    if (first < NOTICEABLE_MS || first < TIMES_SLOWER * later) continue;
    return {
      check: 'first',
      level: 'warn',
      says: `the first request waits for something that is only made then: ${Math.round(first)} ms, later ones ${Math.round(later)} ms`,
      evidence: [`GET ${path}`],
      remedy:
        'Open connections, load templates and fill caches before the app listens ("init" of serveHttp and its like of @greenroom/sdk/app), or let "health_test_payload" of the contract ask this path before the release goes live.',
    };
  }
  return fine('first', 'the first request is as quick as later ones');
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
