/** Limits that the kernel held while the app went on: somebody has to know, for the app may be the worse for it. */
import type { Alert } from '../orchestrator/core/alert.ts';
import type { Instances, Log } from '../orchestrator/ports.ts';

export interface LimitAlerts {
  instances: Pick<Instances, 'onExit' | 'onLimit'>;
  alert(alert: Alert): void;
  log: Log;
}

/** One alert for each instance, over when that ends. Answers a function that stops it. */
export function alertLimits({ instances, alert, log }: LimitAlerts): () => void {
  const about = (instance: string) => ({ key: `limit_reached:${instance}`, kind: 'limit_reached' as const });
  const stops = [
    instances.onLimit(({ instance, sentences }) => {
      const detail = `${sentences.join('\n')}\nThe instance ${instance} goes on. "greenroom logs" shows what it says of it.`;
      alert({ ...about(instance), severity: 'warning', title: 'The app has reached one of its limits', detail });
      for (const sentence of sentences) log(`Instance ${instance}: ${sentence}`, { level: 'warn', instance });
    }),
    instances.onExit(({ instance }) =>
      alert({ ...about(instance), severity: 'info', title: 'The instance that had reached a limit has ended', detail: '', resolved: true }),
    ),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
