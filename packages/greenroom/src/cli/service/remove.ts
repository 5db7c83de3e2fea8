import { type Cli, CliError, EXIT, type Exit } from '../context.ts';
import type { AppFlags } from '../flags.ts';
import { findTarget } from '../target.ts';
import { json } from '../terminal.ts';
import { installedUnits, readUnit, removeSettingsFile, removeUnits, writeUnits } from './files.ts';
import { appOfUnit, chatUnit, DASHBOARD_UNIT, orchestratorUnit, PROXY_SOCKET, PROXY_UNIT } from './names.ts';
import { type Place, type PlaceFlags, placeOf, requireSystemd } from './place.ts';
import { proxyPorts } from './proxy-ports.ts';
import { chatSettings, orchestratorSettings } from './settings-text.ts';
import { socketFile } from './shared-units.ts';
import { systemdOf } from './systemctl.ts';
import { authorOf } from './unit-text.ts';

export interface RemoveFlags extends AppFlags, PlaceFlags {
  readonly dashboard: boolean;
  readonly force: boolean;
}

/** The socket before its proxy, which would be started again by whoever connects. */
const OF_THE_MACHINE = [DASHBOARD_UNIT, PROXY_SOCKET, PROXY_UNIT];

/** Stops the app's services and takes back what install wrote; those of the machine with the last app's. Data, and files that somebody has written into, stay. */
export async function remove(cli: Cli, flags: RemoveFlags): Promise<Exit> {
  const place = await placeOf(cli, flags);
  const app = flags.dashboard ? undefined : (await findTarget(cli, flags)).app.name;
  const again = app === undefined ? ['--dashboard'] : ['--app', app];
  await requireSystemd(cli, place, ['service', 'remove', ...again, ...(flags.force ? ['--force'] : [])]);
  const present = await installedUnits(place.folder);
  const others = present.some((unit) => ![undefined, app].includes(appOfUnit(unit)));
  const wanted = app === undefined ? [DASHBOARD_UNIT] : [chatUnit(app), orchestratorUnit(app), ...(others ? [] : OF_THE_MACHINE)];
  const units = wanted.filter((unit) => present.includes(unit));
  if (units.length === 0)
    throw new CliError(
      EXIT.failed,
      'not_installed',
      `${app === undefined ? 'The dashboard' : `"${app}"`} is no service in ${place.folder}, so there is nothing to remove.`,
    );
  const systemd = systemdOf(cli, place);
  // One after the other: the orchestrator needs the proxy to drain the app.
  for (const unit of units) await systemd.must('stop', unit);
  await systemd.must('disable', ...units);
  const kept = await removeUnits(place.folder, units, flags.force);
  const closed = app !== undefined && !units.includes(PROXY_SOCKET) && (await leavePorts(cli, place, app));
  const keptSettings = app === undefined ? [] : await removeSettings(place, app);
  await systemd.must('daemon-reload');
  await systemd.systemctl('reset-failed', ...units);
  if (flags.json) {
    const removed = units.filter((unit) => !kept.includes(unit));
    cli.say(json({ success: true, ...(app === undefined ? {} : { app }), removed, kept, settings: keptSettings }, 2));
    return EXIT.ok;
  }
  for (const unit of units)
    cli.say(
      kept.includes(unit)
        ? `${cli.paint('yellow', '!')} ${unit}  stopped and disabled; the file stays, because somebody has changed it (--force removes it)`
        : `${cli.paint('green', '✓')} ${unit}  stopped and removed`,
    );
  for (const file of keptSettings) cli.say(`${cli.paint('yellow', '!')} ${file}  stays: somebody has written into it`);
  if (closed) cli.say(`${PROXY_SOCKET} keeps the ports of "${app}" open until it is started anew; whoever connects there is turned away.`);
  if (app !== undefined) cli.say(`The data of "${app}" is untouched; "greenroom start --app ${app}" runs it without a service.`);
  return EXIT.ok;
}

/** Takes the ports of an app that is no service any more out of the unit that other apps need. Answers whether it had any. */
async function leavePorts(cli: Cli, place: Place, app: string): Promise<boolean> {
  const text = await readUnit(place.folder, PROXY_SOCKET);
  if (text === undefined || authorOf(text) !== 'installed') return false;
  const { visitors } = await proxyPorts(cli.home, place, app, []);
  if (visitors.length === 0) return false;
  const [written] = await writeUnits(place.folder, [socketFile(visitors)], false);
  return written?.change === 'updated';
}

/** Answers those that stay, because somebody has written into them. */
async function removeSettings(place: Place, app: string): Promise<string[]> {
  const settings = [
    { file: place.settingsFile(app), text: orchestratorSettings(app) },
    { file: place.settingsFile(`${app}.chat`), text: chatSettings(app) },
  ];
  const kept: string[] = [];
  for (const { file, text } of settings) if (await removeSettingsFile(file, text)) kept.push(file);
  return kept;
}
