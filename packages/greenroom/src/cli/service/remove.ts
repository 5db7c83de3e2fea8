import { type Cli, CliError, EXIT, type Exit } from '../context.ts';
import type { AppFlags } from '../flags.ts';
import { findTarget } from '../target.ts';
import { json } from '../terminal.ts';
import { installedUnits, removeSettingsFile, removeUnits } from './files.ts';
import { appOfUnit, chatUnit, orchestratorUnit, PROXY_UNIT } from './names.ts';
import { type PlaceFlags, placeOf, requireSystemd } from './place.ts';
import { chatSettings, orchestratorSettings } from './settings-text.ts';
import { systemdOf } from './systemctl.ts';

export interface RemoveFlags extends AppFlags, PlaceFlags {
  readonly force: boolean;
}

/** Stops the app's services and takes back what install wrote; the proxy's with the last app's. Data, and files that somebody has written into, stay. */
export async function remove(cli: Cli, flags: RemoveFlags): Promise<Exit> {
  const place = await placeOf(cli, flags);
  const { name } = (await findTarget(cli, flags)).app;
  await requireSystemd(cli, place, ['service', 'remove', '--app', name, ...(flags.force ? ['--force'] : [])]);
  const present = await installedUnits(place.folder);
  const others = present.some((unit) => ![undefined, name].includes(appOfUnit(unit)));
  const units = [chatUnit(name), orchestratorUnit(name), ...(others ? [] : [PROXY_UNIT])].filter((unit) => present.includes(unit));
  if (units.length === 0)
    throw new CliError(EXIT.failed, 'not_installed', `"${name}" is no service in ${place.folder}, so there is nothing to remove.`);
  const systemd = systemdOf(cli, place);
  // One after the other: the orchestrator needs the proxy to drain the app.
  for (const unit of units) await systemd.must('stop', unit);
  await systemd.must('disable', ...units);
  const kept = await removeUnits(place.folder, units, flags.force);
  const settings = [
    { file: place.settingsFile(name), text: orchestratorSettings(name) },
    { file: place.settingsFile(`${name}.chat`), text: chatSettings(name) },
  ];
  const keptSettings: string[] = [];
  for (const { file, text } of settings) if (await removeSettingsFile(file, text)) keptSettings.push(file);
  await systemd.must('daemon-reload');
  await systemd.systemctl('reset-failed', ...units);
  if (flags.json) {
    cli.say(json({ success: true, app: name, removed: units.filter((unit) => !kept.includes(unit)), kept, settings: keptSettings }, 2));
    return EXIT.ok;
  }
  for (const unit of units)
    cli.say(
      kept.includes(unit)
        ? `${cli.paint('yellow', '!')} ${unit}  stopped and disabled; the file stays, because somebody has changed it (--force removes it)`
        : `${cli.paint('green', '✓')} ${unit}  stopped and removed`,
    );
  for (const file of keptSettings) cli.say(`${cli.paint('yellow', '!')} ${file}  stays: somebody has written into it`);
  cli.say(`The data of "${name}" is untouched; "greenroom start --app ${name}" runs it without a service.`);
  return EXIT.ok;
}
