import { createHash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ALERT_KINDS, type Alert } from '../../core/alert.ts';
import { createCounter } from '../../core/measures.ts';
import type { AlertMeasures, Alerts, Clock, Secrets } from '../../ports.ts';
import { type Courier, type CourierTiming, DEFAULT_COURIER_TIMING, openCourier } from './courier.ts';
import { DEFAULT_REQUEST_TIMEOUT_MS, deliver } from './deliver.ts';
import type { Message } from './message.ts';
import { loadOpenAlerts } from './open-alerts.ts';
import type { Delivery } from './outcome.ts';
import { readSecretValues } from './secret-values.ts';
import { type AlertContract, type Target, targetsOf } from './targets.ts';
import { oneLine, plain } from './text.ts';

export interface AlertsOptions {
  app: string;
  contract: AlertContract;
  secrets: Secrets;
  clock: Clock;
  /** For the queues and what is open; made when it is not there. */
  folder: string;
  log(message: string): void;
  host?: string;
  timing?: Partial<CourierTiming & { requestTimeoutMs: number }>;
}

export interface RunningAlerts extends Alerts {
  /** Answers when every alert taken so far is on disk, delivered or not. */
  settled(): Promise<void>;
  /** What was raised since the start, and what became of it. */
  measures: AlertMeasures;
  /** Takes no more, and stops delivering; what is left is delivered after the next start. */
  close(): Promise<void>;
}

/** Goes on with what an earlier run left undelivered. Rejects when the folder cannot be used. */
export async function createAlerts(options: AlertsOptions): Promise<RunningAlerts> {
  const { app, contract, secrets, clock, folder, host = hostname() } = options;
  const { requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS, ...given } = options.timing ?? {};
  const timing = { ...DEFAULT_COURIER_TIMING, ...given };
  const log = (message: string): void => options.log(oneLine(message));
  const targets = targetsOf(contract);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await removeFormerTargets(folder, targets);
  const open = await loadOpenAlerts(join(folder, 'open.json'), clock.now(), log);
  const couriers = new Map<Target, Courier>();
  const raised = createCounter(ALERT_KINDS.map((kind) => ({ kind })));
  const deliveries: AlertMeasures['deliveries'] = createCounter(
    targets.flatMap(({ name }) => DELIVERY_OUTCOMES.map((outcome) => ({ target: name, outcome }))),
  );
  for (const target of targets) {
    couriers.set(
      target,
      await openCourier({
        target,
        folder,
        clock,
        timing,
        log,
        deliver: (message, signal) => bring(target, message, signal),
        onDropped: () => deliveries.add({ target: target.name, outcome: 'dropped' }),
      }),
    );
  }
  let last: Promise<void> = Promise.resolve();
  let closed = false;

  /** With the secrets of this moment: a delivery that waited for a repaired one finds it. */
  async function bring(target: Target, message: Message, signal: AbortSignal): Promise<Delivery> {
    const { values, mask, problem } = await readSecretValues(contract, targets, secrets);
    if (problem && (target.urlVariable || target.tokenVariable)) return { ok: false, retry: 'soon', error: problem, waitMs: 0 };
    const delivery = await deliver(target, message, { values, timeoutMs: requestTimeoutMs, signal });
    deliveries.add({ target: target.name, outcome: delivery.ok ? 'delivered' : 'failed' });
    return delivery.ok ? delivery : { ...delivery, error: mask(delivery.error) };
  }

  async function take(alert: Alert, at: number): Promise<void> {
    const before = open.said(alert.key);
    const said = digestOf(alert);
    if (alert.resolved ? before === undefined : before === said) return;
    const message = await prepare(alert, `${open.next()}-${said}`, at);
    log(`Alert: ${message.title}`);
    raised.add({ kind: alert.kind });
    await Promise.all([...couriers].map(([target, courier]) => enqueue(target, courier, message)));
    await (alert.resolved ? open.forget(alert.key) : open.remember(alert.key, said));
  }

  async function prepare(alert: Alert, id: string, at: number): Promise<Message> {
    const { mask, problem } = await readSecretValues(contract, targets, secrets);
    // Without the values there is no telling what has to be hidden: say less rather than too much.
    const detail = problem ? `Details are left out, because the secrets they may contain could not be read: ${problem}` : alert.detail;
    return {
      id,
      app,
      host,
      at,
      key: mask(alert.key),
      kind: alert.kind,
      severity: alert.severity,
      title: oneLine(mask(alert.title)),
      detail: plain(mask(detail)),
      resolved: alert.resolved ?? false,
    };
  }

  /** A full disk is one of the things to alert about: then once, without the queue. */
  async function enqueue(target: Target, courier: Courier, message: Message): Promise<void> {
    try {
      await courier.enqueue(message);
    } catch (error) {
      const delivery = await bring(target, message, AbortSignal.timeout(requestTimeoutMs));
      const outcome = delivery.ok ? 'it was delivered at once instead' : `and it could not be delivered at once: ${delivery.error}`;
      log(`An alert for ${target.name} could not be queued (${text(error)}); ${outcome}.`);
    }
  }

  function waiting(): { target: string; waiting: number }[] {
    const byName = new Map<string, number>();
    // Two targets of one host have the same name.
    for (const [{ name }, courier] of couriers) byName.set(name, (byName.get(name) ?? 0) + courier.waiting());
    return [...byName].map(([target, count]) => ({ target, waiting: count }));
  }

  return {
    measures: { raised, deliveries, waiting },
    send(alert) {
      if (closed) return;
      const at = clock.now();
      last = last.then(() => take(alert, at)).catch((error: unknown) => log(`An alert (${alert.kind}) could not be kept: ${text(error)}`));
    },
    settled: () => last,
    async close() {
      closed = true;
      await last;
      await Promise.all([...couriers.values()].map((it) => it.close()));
    },
  };
}

const DELIVERY_OUTCOMES = ['delivered', 'failed', 'dropped'] as const;
const QUEUE_FOLDER = /^[0-9a-f]{12}$/;

/** Alerts for a target that the contract no longer names are for nobody. */
async function removeFormerTargets(folder: string, targets: readonly Target[]): Promise<void> {
  const names = (await readdir(folder)).filter((name) => QUEUE_FOLDER.test(name) && !targets.some((it) => it.id === name));
  await Promise.all(names.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

/** What makes an alert news. */
function digestOf({ key, severity, title, resolved = false }: Alert): string {
  return createHash('sha256')
    .update(JSON.stringify([key, severity, title, resolved]))
    .digest('hex')
    .slice(0, 12);
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
