import { execFile } from 'node:child_process';
import { type Cli, CliError, EXIT } from '../context.ts';
import type { Place } from './place.ts';

const LONGEST_MS = 10 * 60_000;
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

export interface Said {
  ok: boolean;
  stdout: string;
  stderr: string;
}

/** Runs a program of the system to its end; what is not installed has failed, and says so. */
export function systemProgram(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Said> {
  const { promise, resolve } = Promise.withResolvers<Said>();
  const options = { env: { ...env, LC_ALL: 'C', SYSTEMD_COLORS: '0' }, timeout: LONGEST_MS, maxBuffer: MAX_OUTPUT_BYTES };
  execFile(program, [...args], options, (error, stdout, stderr) => {
    const missing = (error as NodeJS.ErrnoException | null)?.code === 'ENOENT';
    resolve({ ok: error === null, stdout, stderr: missing ? `${program} is not installed` : stderr });
  });
  return promise;
}

export interface Systemd {
  /** Throws `CliError` with what systemd said. */
  must(...args: string[]): Promise<string>;
  systemctl(...args: string[]): Promise<Said>;
  journalctl(...args: string[]): Promise<Said>;
}

/** The manager of the machine's services or of the user's. */
export function systemdOf(cli: Pick<Cli, 'env'>, { system, owner }: Place): Systemd {
  const scope = system ? [] : ['--user'];
  // Without a login session, as over "su" or "sudo -u", the variable is missing and the manager is there all the same.
  const env = system ? cli.env : { XDG_RUNTIME_DIR: `/run/user/${owner.uid}`, ...cli.env };
  const systemctl = (...args: string[]): Promise<Said> => systemProgram('systemctl', [...scope, '--no-pager', ...args], env);
  return {
    systemctl,
    journalctl: (...args) => systemProgram('journalctl', [...scope, '--no-pager', '--quiet', ...args], env),
    async must(...args) {
      const said = await systemctl(...args);
      if (said.ok) return said.stdout;
      const why = said.stderr.trim() || said.stdout.trim() || 'it said nothing';
      const remedy = system
        ? ''
        : `\nA manager of your own runs while you are logged in; to have it always: sudo loginctl enable-linger ${owner.name}`;
      throw new CliError(
        EXIT.failed,
        'systemd_refused',
        `systemctl ${[...scope, ...args].join(' ')}: ${why}${/bus|scope/i.test(why) ? remedy : ''}`,
      );
    },
  };
}

/** Its major version; 0 when it cannot be found out. */
export async function systemdVersion(): Promise<number> {
  const { stdout } = await systemProgram('systemctl', ['--version']);
  return Number(/^systemd (\d+)/.exec(stdout)?.[1] ?? 0);
}
