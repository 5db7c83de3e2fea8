import type { AttemptView } from '@greenroom/sdk/wire';
import type { Service } from '../runner/service.ts';

/** Prometheus text format 0.0.4. */
export async function metricsText(service: Service): Promise<string> {
  const state = service.state();
  const attempts = service.attempts(Number.POSITIVE_INFINITY);
  const lines: string[] = [];
  const gauge = (name: string, help: string, value: number, labels = ''): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, `${name}${labels} ${value}`);
  };
  gauge('greenroom_healthy', 'Whether a live instance runs and its health endpoint answers 200.', Number(await service.healthy()));
  if (state.live) {
    gauge('greenroom_live_info', 'The live release.', 1, `{commit="${state.live.commit}",slot="${state.live.slot}"}`);
    gauge('greenroom_live_since_seconds', 'When the live instance began to serve, Unix time.', state.live.served_at / 1000);
  }
  gauge('greenroom_queue_length', 'Requests that wait for their turn.', state.queue.length);
  gauge('greenroom_attempt_running', 'Whether an attempt is under way.', Number(state.attempt !== null));
  gauge('greenroom_consecutive_failures', 'Deploys that failed since the last one that succeeded.', state.consecutive_failures);
  gauge('greenroom_live_restarts', 'Exits of the live instance in a row.', state.crashes);
  gauge('process_resident_memory_bytes', 'Memory of the orchestrator.', service.memory());
  lines.push('# HELP greenroom_attempts Attempts that the orchestrator remembers.', '# TYPE greenroom_attempts gauge');
  for (const [labels, count] of countBy(attempts)) lines.push(`greenroom_attempts${labels} ${count}`);
  const latest = attempts.find((it) => it.promoted);
  if (latest)
    gauge(
      'greenroom_last_attempt_duration_seconds',
      'How long the last promoted attempt took.',
      latest.duration_ms / 1000,
      `{kind="${latest.kind}"}`,
    );
  return `${lines.join('\n')}\n`;
}

function countBy(attempts: AttemptView[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { kind, status, trigger } of attempts) {
    const labels = `{kind="${kind}",status="${status}",trigger="${trigger}"}`;
    counts.set(labels, (counts.get(labels) ?? 0) + 1);
  }
  return counts;
}
