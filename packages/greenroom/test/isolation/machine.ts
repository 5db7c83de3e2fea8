import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { groupsOfMachine } from './groups.ts';

const CHECKOUT = resolve(import.meta.dirname, '../../../..');
const RUN_LIMIT_MS = 60_000;
/** What the orchestrator of an isolated app cannot do without, as its service gives it. */
const ORCHESTRATOR_CAPABILITIES = ['chown', 'dac_override', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid', 'setpcap', 'sys_ptrace'];

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Root by default. */
  user?: string;
  /** What a service gives the orchestrator of an isolated app, with `user`; none otherwise. */
  capable?: boolean;
  env?: Record<string, string>;
  cwd?: string;
}

/** A machine with users of its own: this one's files, ports and programs, but for `/etc`, `/var` and the processes. */
export interface Machine {
  /** Its folder, which everybody may enter; not emptied before the end of the test. This process sees the same one. */
  folder: string;
  /** Greenroom's home on it, of root. */
  home: string;
  /** Runs a program to its end. */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** As `run`; fails the test unless it succeeds. Answers its standard output, trimmed. */
  must(program: string, args: readonly string[], options?: RunOptions): Promise<string>;
  /** Starts a program and leaves it running; at the end of the test everything that runs on the machine is killed. */
  start(program: string, args: readonly string[], options?: RunOptions): ChildProcess & { stdout: Readable; stderr: Readable };
  /** `greenroom …` on it. */
  greenroom(args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** The words that start `greenroom` on it: Node and the command line. */
  command: readonly [node: string, cli: string];
  /** A process of the machine as this one sees it: undefined when there is none (any more). */
  outsidePid(pid: number): number | undefined;
}

/** Makes a machine for the test, gone with it. Needs root. */
export async function openMachine(t: TestContext): Promise<Machine> {
  const folder = mkdtempSync(join(tmpdir(), 'isolation-'));
  chmodSync(folder, 0o755);
  for (const name of ['layers', 'greenroom', 'bin', 'home']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'bin', 'node'), '');
  const holder = spawn(
    'unshare',
    ['-m', '-p', '--fork', '--kill-child', join(import.meta.dirname, 'machine.sh'), folder, CHECKOUT, process.execPath],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const ended = once(holder, 'exit');
  const groups = groupsOfMachine();
  t.after(async () => {
    holder.stdin.end();
    await ended;
    groups.remove();
    rmSync(folder, { recursive: true, force: true });
  });
  const said = collect(holder.stderr);
  const ready = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]);
  assert.ok(ready, `the machine could not be made: ${said()}`);
  const init = Number(readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').trim());

  const home = join(folder, 'home');
  const command = [join(folder, 'bin', 'node'), join(folder, 'greenroom/packages/greenroom/src/cli/main.ts')] as const;
  const usual = {
    PATH: `${join(folder, 'bin')}:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: '/root',
    LANG: 'C.UTF-8',
    GREENROOM_HOME: home,
    GREENROOM_CGROUP: groups.name,
    NO_COLOR: '1',
  };
  const line = (program: string, args: readonly string[], { user, capable, env, cwd }: RunOptions): string[] => {
    const variables = Object.entries({ ...usual, ...env }).map(([name, value]) => `${name}=${value}`);
    const surroundings = ['env', '-i', `--chdir=${cwd ?? folder}`, ...variables];
    return [
      `--target=${init}`,
      '-m',
      '-p',
      '--',
      ...surroundings,
      ...(user === undefined ? [] : become(user, capable === true)),
      program,
      ...args,
    ];
  };
  const run: Machine['run'] = async (program, args, options = {}) => {
    const child = spawn('nsenter', line(program, args, options), {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: RUN_LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    const [code] = await once(child, 'close');
    return { code: code as number | null, stdout: stdout(), stderr: stderr() };
  };
  return {
    folder,
    home,
    command,
    run,
    async must(program, args, options) {
      const { code, stdout, stderr } = await run(program, args, options);
      assert.equal(code, 0, `${program} ${args.join(' ')}: ${stderr}${stdout}`);
      return stdout.trim();
    },
    start: (program, args, options = {}) => spawn('nsenter', line(program, args, options), { stdio: ['ignore', 'pipe', 'pipe'] }),
    greenroom: (args, options) => run(command[0], [command[1], ...args], options),
    outsidePid: (pid) => outsidePid(init, pid),
  };
}

function become(user: string, capable: boolean): string[] {
  const kept = ORCHESTRATOR_CAPABILITIES.map((name) => `+${name}`).join(',');
  const capabilities = capable
    ? [`--inh-caps=-all,${kept}`, `--ambient-caps=-all,${kept}`, `--bounding-set=-all,${kept}`]
    : ['--inh-caps=-all'];
  return ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups', ...capabilities, '--'];
}

/** By what the kernel says of each of this machine's processes: its numbers, from the outermost namespace to its own. */
function outsidePid(init: number, pid: number): number | undefined {
  const queue = [init];
  for (const outside of queue) {
    const [status, children] = [`/proc/${outside}/status`, `/proc/${outside}/task/${outside}/children`].map(read);
    if (/^NSpid:.*\s(\d+)$/m.exec(status ?? '')?.[1] === String(pid)) return outside;
    queue.push(...(children ?? '').split(' ').filter(Boolean).map(Number));
  }
  return undefined;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function collect(stream: Readable): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  return () => text;
}
