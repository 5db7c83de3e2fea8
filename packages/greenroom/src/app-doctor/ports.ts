import { readFileSync } from 'node:fs';
import type { Failure } from '@greenroom/sdk/wire';
import { type AppFinding, fine } from './finding.ts';
import { describe } from './stage.ts';

const REMEDY =
  'Listen on the port that PORT in the environment names, and for internal routes on INTERNAL_PORT; each instance gets its own.';

/** Why the only instance, or the second beside it, could not be used. */
export function judgeBoot(failure: Failure, listening: readonly number[], first: boolean): AppFinding {
  const inUse = failure.evidence?.log_tail?.find((line) => /EADDRINUSE|address already in use/i.test(line));
  const elsewhere = listening.length > 0 && failure.code === 'health_timeout';
  const evidence = inUse === undefined ? describe(failure).split('\n') : [inUse];
  if (inUse !== undefined || elsewhere) {
    const where = elsewhere ? `it listens on port ${listening.join(', ')} whatever PORT says` : 'a port that it wants is in use already';
    const says = first ? `the app has a fixed port: ${where}` : `a second instance cannot run beside the first: ${where}`;
    return { check: 'port', level: 'fail', says, evidence, remedy: REMEDY };
  }
  const says = first ? 'the app does not come up' : 'a second instance does not come up beside the first';
  const remedy = failure.evidence?.remedy ?? 'Read the end of its output, correct it, then try again; a deploy would be refused just so.';
  return { check: 'boot', level: 'fail', says, evidence, remedy };
}

/** Ports that the app chose itself. Those that the kernel gave it are another each time. */
export function checkPorts(listening: readonly number[], given: readonly number[]): AppFinding {
  const [low, high] = ephemeralPorts();
  const fixed = listening.filter((port) => !given.includes(port) && (port < low || port > high));
  if (fixed.length === 0) return fine('port', 'both instances listen on the ports they were given, and on no other');
  const says = `the app also listens on port ${fixed.join(', ')}, which only one instance can have`;
  return { check: 'port', level: 'warn', says, remedy: REMEDY };
}

function ephemeralPorts(): [low: number, high: number] {
  const [low = 32_768, high = 60_999] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1').trim().split(/\s+/).map(Number);
  return [low, high];
}
