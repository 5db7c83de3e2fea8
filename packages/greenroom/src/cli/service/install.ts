import { chown, mkdir } from 'node:fs/promises';
import { proxyDirectory } from '../../home.ts';
import { runningOrchestrator } from '../../registry/running.ts';
import { stopApp } from '../apps/stop-app.ts';
import { type Cli, EXIT, type Exit } from '../context.ts';
import type { AppFlags } from '../flags.ts';
import { findTarget, type Target } from '../target.ts';
import { json } from '../terminal.ts';
import { makeSettingsFile, type Written, writeUnits } from './files.ts';
import { orchestratorUnit } from './names.ts';
import { type Place, type PlaceFlags, placeOf, requireSystemd } from './place.ts';
import { type Plan, type PlanFlags, planService } from './plan.ts';
import { startUnits } from './start-units.ts';
import { type Systemd, systemdOf } from './systemctl.ts';

export interface InstallFlags extends AppFlags, PlaceFlags, PlanFlags {
  readonly print: boolean;
  readonly force: boolean;
}

/** Writes the units, enables and starts them. An orchestrator that was started by hand hands its app over to the service: the app serves on. */
export async function install(cli: Cli, flags: InstallFlags): Promise<Exit> {
  const place = await placeOf(cli, flags);
  const target = await findTarget(cli, flags);
  const plan = await planService(cli, target, place, flags);
  if (flags.print) {
    print(cli, flags, place, plan);
    return EXIT.ok;
  }
  await requireSystemd(cli, place, ['service', 'install', '--app', target.app.name, ...(flags.force ? ['--force'] : [])]);
  const systemd = systemdOf(cli, place);
  const units = await writeUnits(place.folder, plan.units, flags.force);
  const settings: string[] = [];
  for (const { file, text } of plan.settings) if (await makeSettingsFile(file, text)) settings.push(file);
  await makeProxyDirectory(cli.home, place);
  await systemd.must('daemon-reload');
  const handedOver = await handOver(target, systemd);
  const running = await activeUnits(systemd, units);
  const names = units.map(({ unit }) => unit);
  await systemd.must('enable', ...names);
  await startUnits(systemd, names);
  const later = units.filter(({ unit, change }) => change === 'updated' && running.has(unit)).map(({ unit }) => unit);
  if (flags.json) {
    const changes = units.map(({ unit, change }) => ({ unit, change }));
    cli.say(json({ success: true, app: target.app.name, folder: place.folder, units: changes, settings, later, notes: plan.notes }, 2));
    return EXIT.ok;
  }
  const tick = cli.paint('green', '✓');
  if (handedOver) cli.say(`${tick} took over from the orchestrator that was started by hand; the app served on`);
  for (const { unit, change } of units) cli.say(`${tick} ${unit}  ${change === 'unchanged' ? 'as it was' : change}, enabled, running`);
  for (const file of settings) cli.say(`${tick} ${file}  for its environment; nothing is set`);
  if (later.length > 0)
    cli.say(`What has changed holds from the next start on: ${later.join(', ')}. See docs/guides/vps.md for one without downtime.`);
  for (const note of plan.notes) cli.warn(`${cli.paintError('yellow', '!')} ${note}`);
  return EXIT.ok;
}

/** The unit lets the proxy write there and nowhere else, so it cannot make it itself. */
async function makeProxyDirectory(home: string, { owner }: Place): Promise<void> {
  const folder = proxyDirectory(home);
  if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) await chown(folder, owner.uid, owner.gid);
}

function print(cli: Cli, flags: InstallFlags, place: Place, { units, settings, notes }: Plan): void {
  if (flags.json) {
    cli.say(json({ folder: place.folder, units, settings, notes }, 2));
    return;
  }
  for (const { unit, text } of units) cli.say(`# ${place.folder}/${unit}\n${text}`);
  for (const { file, text } of settings) cli.say(`# ${file} (mode 0600, unless it is there)\n${text}`);
  for (const note of notes) cli.warn(`${cli.paintError('yellow', '!')} ${note}`);
}

/** Tells an orchestrator that is none of systemd's to leave its app to the next one. Answers whether there was one. */
async function handOver(target: Target, systemd: Systemd): Promise<boolean> {
  const running = await runningOrchestrator(target.layout);
  if (!running) return false;
  const { stdout } = await systemd.systemctl('show', '--property=MainPID', '--value', orchestratorUnit(target.app.name));
  if (Number(stdout) === running.pid) return false;
  await stopApp(target, true);
  return true;
}

async function activeUnits(systemd: Systemd, units: readonly Written[]): Promise<Set<string>> {
  const { stdout } = await systemd.systemctl('is-active', ...units.map(({ unit }) => unit));
  const states = stdout.split('\n');
  return new Set(units.filter((_unit, at) => states[at] === 'active').map(({ unit }) => unit));
}
