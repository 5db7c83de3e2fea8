/** Composition of the traces: what the attempts' events end, goes to the collector, without what is secret in it. */
import { readSecretValues } from '../orchestrator/adapters/alerts/secret-values.ts';
import { createExporter } from '../orchestrator/adapters/traces/exporter.ts';
import type { TraceSettings } from '../orchestrator/adapters/traces/settings.ts';
import { createSpanFinder, type Span } from '../orchestrator/adapters/traces/spans.ts';
import type { Contract } from '../orchestrator/core/contract.ts';
import type { Clock, Log, Secrets } from '../orchestrator/ports.ts';
import type { Runner } from '../orchestrator/runner.ts';

export interface TracesOptions {
  app: string;
  version: string;
  settings: TraceSettings;
  contract: Contract;
  runner: Pick<Runner, 'history' | 'subscribe'>;
  secrets: Secrets;
  clock: Clock;
  log: Log;
}

/** Traces every attempt from now on. Answers a function that ends it. */
export function openTraces({ app, version, settings, contract, runner, secrets, clock, log }: TracesOptions): () => Promise<void> {
  const finder = createSpanFinder(app);
  const exporter = createExporter({ settings, version, clock, log });
  let last: Promise<void> = Promise.resolve();
  // What had ended before this start was told by the one before it.
  for (const attempt of runner.history().values()) finder.take(attempt);

  async function hand(spans: Span[]): Promise<void> {
    const { mask, problem } = await readSecretValues(contract, [], secrets);
    // Secrets that are not known cannot be hidden: then nothing is said in words.
    const hide = problem === '' ? mask : () => '(left out: the secrets that it may contain could not be read)';
    exporter.add(spans.map((span) => withoutSecrets(span, hide)));
  }

  const unsubscribe = runner.subscribe(({ attempts }) => {
    const spans = attempts.flatMap((it) => finder.take(it));
    if (spans.length === 0) return;
    last = last
      .then(() => hand(spans))
      .catch((error: Error) => log(`a trace was lost: ${error.stack ?? error.message}`, { level: 'error' }));
  });
  return async () => {
    unsubscribe();
    await last;
    await exporter.close();
  };
}

function withoutSecrets(span: Span, hide: (text: string) => string): Span {
  const detail = span.attributes['greenroom.detail'];
  return {
    ...span,
    error: span.error && hide(span.error),
    attributes: { ...span.attributes, ...(typeof detail === 'string' ? { 'greenroom.detail': hide(detail) } : {}) },
  };
}
