import { access, constants, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type Cli, CliError, EXIT } from '../context.ts';
import { greenroomCommand } from '../own-command.ts';
import { systemProgram } from './systemctl.ts';

/** Where units go, and who they run as. */
export interface Place {
  system: boolean;
  /** Of unit files. */
  folder: string;
  owner: Owner;
  /** File of `NAME=value` lines for the environment of a service. */
  settingsFile(name: string): string;
}

export interface Owner {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

export interface PlaceFlags {
  readonly user: boolean;
  readonly system: boolean;
}

/** The machine's services for root, the user's own for everybody else, unless a flag says which. Services of the machine run as the owner of Greenroom's home. */
export async function placeOf(cli: Cli, { user, system }: PlaceFlags): Promise<Place> {
  if (user && system)
    throw new CliError(EXIT.usage, 'usage', '--user is for services of your own, --system for those of the machine: give one.');
  const self = userInfo();
  if (user || (!system && self.uid !== 0)) {
    const config = cli.env['XDG_CONFIG_HOME'] || join(self.homedir, '.config');
    return {
      system: false,
      folder: join(config, 'systemd', 'user'),
      owner: { name: self.username, uid: self.uid, gid: self.gid, home: self.homedir },
      settingsFile: (name) => join(config, 'greenroom', `${name}.env`),
    };
  }
  return {
    system: true,
    folder: '/etc/systemd/system',
    owner: await ownerOf(cli.home),
    settingsFile: (name) => join('/etc/greenroom', `${name}.env`),
  };
}

/** Throws `CliError` with what to do when this machine, or this user, cannot have services. `again` is the command without its program. */
export async function requireSystemd(cli: Cli, place: Place, again: readonly string[]): Promise<void> {
  if (!(await mayUse('/run/systemd/system', constants.R_OK)))
    throw new CliError(
      EXIT.failed,
      'no_systemd',
      'This machine was not started by systemd, so there is nothing to install a service into. Have whatever starts it run: greenroom start --all\nTo see what would be written: --print',
    );
  if (!place.system || (await mayUse(place.folder, constants.W_OK))) return;
  const command = ['sudo', 'env', `GREENROOM_HOME=${cli.home}`, ...greenroomCommand(), ...again].map(shellWord).join(' ');
  throw new CliError(
    EXIT.failed,
    'not_permitted',
    `Services of the machine are installed by root, and run as ${place.owner.name}:\n${command}\nYour own, which need no root: --user`,
  );
}

async function ownerOf(home: string): Promise<Owner> {
  const { uid } = await stat(home).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new CliError(
      EXIT.appNotFound,
      'app_not_found',
      `No app is registered in ${home}. As root, say whose apps you mean: GREENROOM_HOME=/home/NAME/.local/state/greenroom`,
    );
  });
  const entry = await systemProgram('getent', ['passwd', String(uid)]);
  const [name, , , group, , folder] = entry.stdout.trim().split(':');
  if (!name || !folder)
    throw new CliError(
      EXIT.failed,
      'unknown_user',
      `${home} belongs to user ${uid}, whom this machine does not know (getent passwd ${uid}).`,
    );
  return { name, uid, gid: Number(group), home: folder };
}

async function mayUse(path: string, mode: number): Promise<boolean> {
  return await access(path, mode).then(
    () => true,
    () => false,
  );
}

/** For a command that a person copies. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
