/** The operator's nginx: its command, and what it says of itself. */
import { execFile } from 'node:child_process';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { processTable, readCommandLine, readStat } from '../../../../proc.ts';

/** nginx tests a large configuration in well under a second; name servers that do not answer may hold it up. */
const COMMAND_LIMIT_MS = 30_000;
const ANSWER_LIMIT_MS = 2_000;
const CONFIRM_LIMIT_MS = 10_000;
const LOOK_INTERVAL_MS = 5;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

export interface Ran {
  ok: boolean;
  stdout: string;
  /** What nginx complained of first, for people; empty when it did not. */
  complaint: string;
}

export interface Program {
  /** Tests the configuration as it lies on disk, and answers it whole, with all that is included. */
  test(): Promise<Ran>;
  /** Tests another configuration file. */
  testFile(file: string): Promise<Ran>;
  /** Asks the running nginx to read its configuration anew. That it was asked says nothing about whether it did. */
  reload(): Promise<Ran>;
}

export function createProgram([program = 'nginx', ...args]: readonly string[]): Program {
  const run = (...more: string[]): Promise<Ran> =>
    new Promise((resolve) => {
      const options = { timeout: COMMAND_LIMIT_MS, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES } as const;
      execFile(program, [...args, ...more], options, (error, stdout, stderr) => {
        resolve({ ok: error === null, stdout, complaint: complaintOf(stderr) || (error ? whyNotRun(program, error) : '') });
      });
    });
  return { test: () => run('-T'), testFile: (file) => run('-t', '-c', file), reload: () => run('-s', 'reload') };
}

/** Which of our configurations an nginx runs, and the worker that said so. */
export interface Running {
  generation: string;
  worker: number;
}

/** What answers for the app's port: our configuration, another answer, or nothing at all. */
export type Answer = Running | 'other' | 'none';

export function ask(port: number, checkHost: string): Promise<Answer> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, agent: false, headers: { Host: checkHost } }, (response) => {
      let text = '';
      response.setEncoding('latin1').on('data', (chunk: string) => {
        text = (text + chunk).slice(0, 100);
      });
      response.on('error', () => resolve('none'));
      response.on('end', () => {
        const [, generation, worker] = /^([0-9a-f]{16}) (\d+)\n$/.exec(text) ?? [];
        resolve(generation && worker ? { generation, worker: Number(worker) } : 'other');
      });
    });
    asked.setTimeout(ANSWER_LIMIT_MS, () => asked.destroy());
    asked.on('error', () => resolve('none'));
    asked.end();
  });
}

/** Workers that take connections, of every nginx on the machine: which one is ours is not known before it answers. */
export function allWorkers(): number[] {
  return [...processTable().keys()].filter(takesConnections);
}

/**
 * Waits until the configuration is in force: it answers, and of the workers of before none of the same nginx takes connections any more. Answers whether that
 * happened in time. A reload that failed keeps the old configuration and tells only nginx's log.
 */
export function inForce(port: number, checkHost: string, generation: string, before: readonly number[]): Promise<boolean> {
  return comesTrue(async () => {
    const answer = await ask(port, checkHost);
    if (typeof answer !== 'object' || answer.generation !== generation) return false;
    const master = readStat(answer.worker)?.parent;
    return !before.some((pid) => readStat(pid)?.parent === master && takesConnections(pid));
  });
}

/** Waits until nothing of ours answers on the port any more. */
export function outOfForce(port: number, checkHost: string): Promise<boolean> {
  return comesTrue(async () => typeof (await ask(port, checkHost)) !== 'object');
}

async function comesTrue(holds: () => Promise<boolean>): Promise<boolean> {
  const deadline = Date.now() + CONFIRM_LIMIT_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) return false;
    await sleep(LOOK_INTERVAL_MS);
  }
  return true;
}

/** Its title changes before it closes its listening sockets, by less than a look takes. */
function takesConnections(pid: number): boolean {
  return /^nginx: worker process\s*$/.test(readCommandLine(pid).join(' '));
}

function complaintOf(stderr: string): string {
  const serious = stderr.split('\n').find((line) => /\[(?:emerg|alert|error|crit)\]/.test(line)) ?? '';
  return serious.replace(/^.*?\[\w+\](?: \d+#\d+:)? */, '').trim();
}

function whyNotRun(program: string, error: Error & { killed?: boolean; code?: unknown }): string {
  if (error.code === 'ENOENT') return `the program ${program} was not found`;
  if (error.killed) return `${program} did not end within ${COMMAND_LIMIT_MS / 1_000} s`;
  return error.message.split('\n', 1)[0] ?? '';
}
