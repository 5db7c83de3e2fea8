import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Secrets } from '../../ports.ts';
import { DEFAULT_REQUEST_TIMEOUT_MS, deliver } from './deliver.ts';
import type { Message } from './message.ts';
import { readSecretValues } from './secret-values.ts';
import { type AlertContract, targetsOf } from './targets.ts';
import { oneLine } from './text.ts';

/** How a test alert fared at one target. */
export interface TargetReport {
  target: string;
  ok: boolean;
  ms: number;
  /** Empty, or why not. Without secrets. */
  error: string;
}

export interface TestOptions {
  app: string;
  contract: AlertContract;
  secrets: Secrets;
  timeoutMs?: number;
}

/** Sends a test alert to every target of the contract, once each, all at the same time, past every queue. */
export async function testTargets({
  app,
  contract,
  secrets,
  timeoutMs = DEFAULT_REQUEST_TIMEOUT_MS,
}: TestOptions): Promise<TargetReport[]> {
  const targets = targetsOf(contract);
  const { values, mask, problem } = await readSecretValues(contract, targets, secrets);
  const message: Message = {
    id: `test-${randomUUID()}`,
    app,
    host: hostname(),
    key: 'test',
    kind: 'test',
    severity: 'info',
    title: 'This is a test alert',
    detail: 'Sent by "greenroom alert test". Nothing has happened; alerts reach this place.',
    resolved: false,
    at: Date.now(),
  };
  return Promise.all(
    targets.map(async (target) => {
      const started = performance.now();
      const unreadable = problem !== '' && (target.urlVariable !== '' || target.tokenVariable !== '');
      const delivery = unreadable
        ? ({ ok: false, error: problem } as const)
        : await deliver(target, message, { values, timeoutMs, signal: new AbortController().signal });
      const ms = Math.round(performance.now() - started);
      return { target: target.name, ok: delivery.ok, ms, error: delivery.ok ? '' : oneLine(mask(delivery.error)) };
    }),
  );
}
