import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestEvidence } from '@greenroom/sdk/wire';
import { type Address, addressesBehind, type Door, LOOPBACK_HOSTS, urlOf } from './address.ts';
import { requestEvidence } from './evidence.ts';
import { askApp, type ProbeAnswer } from './request.ts';

const FIRST_POLL_MS = 5;
const MAX_POLL_MS = 100;
/** The wait grows with the time already waited, so that polling adds at most about a twentieth to the boot. */
const POLL_SHARE = 0.05;
/** A try that hangs is given up after this, the next after twice as long: a health check that is slow at first still gets its time. */
const FIRST_TRY_MS = 2_000;

export interface HealthLook {
  address: Address;
  answer: ProbeAnswer;
}

/** One look at the health endpoint on each address until one is answered. */
export async function lookAtHealth(door: Door, path: string, timeoutMs: number, signal?: AbortSignal): Promise<HealthLook> {
  const deadline = performance.now() + timeoutMs;
  let last: HealthLook | undefined;
  for (const address of addressesBehind(door)) {
    const left = Math.max(1, deadline - performance.now());
    const answer = await askApp({ address, method: 'GET', path, timeoutMs: left, ...(signal ? { signal } : {}) });
    if (answer.ok || !answer.refused) return { address, answer };
    last ??= { address, answer };
  }
  if (last === undefined) throw new Error('no address to look at');
  return last;
}

/** Polls until 200. `evidence` is the last whole exchange that was not. Ends early, unhealthy, when the signal is aborted. */
export async function waitForHealth(
  door: Door,
  path: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ healthy: true; address: Address } | { healthy: false; evidence: RequestEvidence; refused: boolean }> {
  const start = performance.now();
  let tryMs = FIRST_TRY_MS;
  let answered: HealthLook | undefined;
  for (;;) {
    const left = timeoutMs - (performance.now() - start);
    const { address, answer } = await lookAtHealth(door, path, Math.max(1, Math.min(tryMs, left)), signal);
    if (answer.ok) answered = { address, answer };
    if (answer.ok && answer.status === 200) return { healthy: true, address };
    const elapsed = performance.now() - start;
    const wait = Math.min(Math.max(FIRST_POLL_MS, elapsed * POLL_SHARE), MAX_POLL_MS);
    if (signal.aborted || elapsed + wait >= timeoutMs) {
      // A try that the end of all time cut short says nothing: what the app answered before does.
      const cutShort = !answer.ok && !answer.refused && left < tryMs;
      const told = (cutShort && answered) || { address, answer };
      const evidence = requestEvidence({ method: 'GET', url: urlOf(told.address, path), expected: 'status 200' }, told.answer);
      return { healthy: false, evidence, refused: !answer.ok && answer.refused };
    }
    if (!answer.ok && !answer.refused) tryMs *= 2;
    await pause(wait, signal);
  }
}

/** Loopback address on which the port takes connections; empty when none does within the time. */
export async function waitForListener(port: number, timeoutMs: number, signal: AbortSignal): Promise<string> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    for (const host of LOOPBACK_HOSTS) if (await takesConnections(host, port)) return host;
    if (signal.aborted || performance.now() >= deadline) return '';
    await pause(FIRST_POLL_MS, signal);
  }
}

function takesConnections(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const settle = (taken: boolean): void => {
      socket.destroy();
      resolve(taken);
    };
    socket.setTimeout(MAX_POLL_MS, () => settle(false));
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
