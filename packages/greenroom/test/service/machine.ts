import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const CHECKOUT = resolve(import.meta.dirname, '../../../..');
/** There it is not below `/tmp`, which services have one of their own of. */
const INSTALLED = '/opt/greenroom';
const CLI = join(INSTALLED, 'packages/greenroom/src/cli/main.ts');
/** As the machine sees it. */
export const NODE: string = process.execPath.startsWith(`${CHECKOUT}/`)
  ? join(INSTALLED, relative(CHECKOUT, process.execPath))
  : process.execPath;
const BOOT_LIMIT_MS = 40_000;
/** What a machine without hardware, people and a network does not need. */
const MASKED = [
  'console-getty.service',
  'dbus.service',
  'dbus.socket',
  'getty.target',
  'systemd-logind.service',
  'systemd-tmpfiles-clean.timer',
  'systemd-tmpfiles-setup.service',
  'systemd-tmpfiles-setup-dev.service',
  'systemd-update-utmp.service',
  'systemd-update-utmp-runlevel.service',
  'systemd-pcrphase.service',
  'systemd-pcrphase-sysinit.service',
  'sys-kernel-debug.mount',
  'sys-kernel-tracing.mount',
  'sys-fs-fuse-connections.mount',
  'dev-hugepages.mount',
  'dev-mqueue.mount',
  'systemd-modules-load.service',
  'systemd-remount-fs.service',
  // It would set this machine's kernel.
  'systemd-sysctl.service',
];

export interface Ran {
  ok: boolean;
  stdout: string;
  stderr: string;
}

export interface Machine {
  /** Runs a program in it as root. */
  run(program: string, args: readonly string[], options?: { user?: string }): Promise<Ran>;
  /** `greenroom` in it, for the apps of the user `greenroom`. */
  greenroom(user: 'root' | 'greenroom', ...args: string[]): Promise<Ran>;
  /** Ends it as `systemctl reboot` does, and boots it again. */
  reboot(): Promise<void>;
}

export const HOME = '/srv/greenroom/state';

export const USER_ID = 4711;

/**
 * A machine of its own that systemd runs, with this one's programs and this checkout, a user `greenroom` with a home in /srv/greenroom that `prepare` fills below the
 * folder that it is given, and a network of nothing but loopback. It is gone with the test. Needs root.
 */
export async function bootMachine(t: TestContext, prepare: (files: string) => Promise<void>): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'machine-'));
  const upper = join(folder, 'upper');
  const cgroup = await createCgroup(`greenroom-test-${process.pid}`);
  let init: Init | null = null;
  t.after(async () => {
    await init?.end();
    await cgroup.remove();
    await rm(folder, { recursive: true, force: true });
  });
  for (const name of ['upper', 'work', 'root']) await mkdir(join(folder, name));
  await furnish(upper);
  await prepare(upper);
  const boot = async (): Promise<Init> =>
    await start(cgroup.enter, [upper, join(folder, 'work'), join(folder, 'root'), CHECKOUT, INSTALLED]);
  init = await boot();

  const run: Machine['run'] = async (program, args, { user } = {}) => {
    const as = user === undefined ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups'];
    return await runToEnd('nsenter', [
      `--target=${init?.pid ?? 0}`,
      '-m',
      '-p',
      '-u',
      '-i',
      '-n',
      '-C',
      '-r',
      '-w',
      ...as,
      program,
      ...args,
    ]);
  };
  return {
    run,
    greenroom: (user, ...args) => run('env', [`GREENROOM_HOME=${HOME}`, NODE, CLI, ...args], { user }),
    async reboot() {
      const before = init;
      await run('systemctl', ['reboot']);
      await before?.ended;
      init = await boot();
    },
  };
}

/** What is different about its files. */
async function furnish(upper: string): Promise<void> {
  const units = join(upper, 'etc/systemd/system');
  await mkdir(units, { recursive: true });
  for (const unit of MASKED) await symlink('/dev/null', join(units, unit));
  const journal = join(upper, 'etc/systemd/journald.conf.d');
  await mkdir(journal, { recursive: true });
  await writeFile(join(journal, 'test.conf'), '[Journal]\nStorage=volatile\n');
  for (const file of ['passwd', 'group']) await writeFile(join(upper, 'etc', file), readFileSync(join('/etc', file)));
  await appendFile(join(upper, 'etc/passwd'), `greenroom:x:${USER_ID}:${USER_ID}::/srv/greenroom:/bin/sh\n`);
  await appendFile(join(upper, 'etc/group'), `greenroom:x:${USER_ID}:\n`);
}

interface Init {
  /** Of its process 1, as this machine sees it. */
  pid: number;
  ended: Promise<unknown>;
  end(): Promise<void>;
}

async function start(enter: readonly string[], args: readonly string[]): Promise<Init> {
  // It ends with this process, however that dies.
  const unshare = [
    'setpriv',
    '--pdeathsig=KILL',
    'unshare',
    '-m',
    '-p',
    '-u',
    '-i',
    '-n',
    '-C',
    '--fork',
    '--kill-child',
    join(import.meta.dirname, 'boot.sh'),
    ...args,
  ];
  const child = spawn(
    'sh',
    ['-c', 'for procs; do shift; [ "$procs" = -- ] && break; echo $$ >"$procs"; done; exec "$@"', 'sh', ...enter, '--', ...unshare],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'exit');
  const end = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  };
  const deadline = Date.now() + BOOT_LIMIT_MS;
  while (Date.now() < deadline && child.exitCode === null) {
    const pid = firstProcess(child);
    if (pid !== undefined && (await isUp(pid))) return { pid, ended, end };
    await sleep(100);
  }
  await end();
  throw new Error(`the machine did not boot: ${said || 'it said nothing'}`);
}

async function isUp(pid: number): Promise<boolean> {
  const { stdout } = await runToEnd('nsenter', [`--target=${pid}`, '-m', '-p', '-r', '-w', 'systemctl', 'is-system-running']);
  return ['running', 'degraded'].includes(stdout.trim());
}

/** The child of `unshare`, once it is systemd. */
function firstProcess({ pid }: ChildProcess): number | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  if (children === '' || !readFileSync(`/proc/${children}/cmdline`, 'utf8').includes('systemd/systemd')) return undefined;
  return Number(children);
}

/** A control group for all of it, below which systemd makes its own: version 2, or systemd's hierarchy of version 1. */
async function createCgroup(name: string): Promise<{ enter: string[]; remove(): Promise<void> }> {
  const top = existsSync('/sys/fs/cgroup/cgroup.controllers') ? '/sys/fs/cgroup' : '/sys/fs/cgroup/systemd';
  const group = join(top, name);
  await mkdir(group);
  return {
    enter: [join(group, 'cgroup.procs')],
    async remove() {
      const deadline = Date.now() + 5_000;
      while (existsSync(group)) {
        try {
          removeGroups(group);
        } catch (error) {
          // Its last processes are being buried.
          if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || Date.now() > deadline) throw error;
          await sleep(20);
        }
      }
    },
  };
}

function removeGroups(group: string): void {
  for (const entry of readdirSync(group, { withFileTypes: true })) if (entry.isDirectory()) removeGroups(join(group, entry.name));
  rmdirSync(group);
}

function runToEnd(program: string, args: readonly string[]): Promise<Ran> {
  const { promise, resolve: done, reject } = Promise.withResolvers<Ran>();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000, killSignal: 'SIGKILL' });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.on('error', reject);
  child.on('close', (code) => done({ ok: code === 0, stdout, stderr }));
  return promise;
}
