import { chown, mkdir } from 'node:fs/promises';
import { dashboardDirectory, proxyDirectory } from '../../home.ts';
import { runningOrchestrator } from '../../registry/running.ts';
import { stopApp } from '../apps/stop-app.ts';
import { type Cli, CliError, EXIT, type Exit } from '../context.ts';
import { readRun } from '../dashboard/run-file.ts';
import type { AppFlags } from '../flags.ts';
import { findTarget, type Target } from '../target.ts';
import { json } from '../terminal.ts';
import { makeSettingsFile, type Written, writeUnits } from './files.ts';
import { DASHBOARD_UNIT, orchestratorUnit, PROXY_SOCKET, PROXY_UNIT } from './names.ts';
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
  if (plan.units.some(({ unit }) => unit === DASHBOARD_UNIT)) await requireNoOtherDashboard(cli, systemd);
  const units = await writeUnits(place.folder, plan.units, flags.force);
  const settings: string[] = [];
  for (const { file, text } of plan.settings) if (await makeSettingsFile(file, text)) settings.push(file);
  for (const folder of [proxyDirectory(cli.home), dashboardDirectory(cli.home)]) await makeFolder(folder, place);
  await systemd.must('daemon-reload');
  const handedOver = await handOver(target, systemd);
  const before = await activeUnits(systemd, units);
  const names = units.map(({ unit }) => unit);
  await systemd.must('enable', ...names);
  // Refused when the proxy runs without it, or somebody else has a port: then the proxy listens by itself, as it did before.
  if (names.includes(PROXY_SOCKET) && !before.has(PROXY_SOCKET)) await systemd.systemctl('start', PROXY_SOCKET);
  await startUnits(
    systemd,
    names.filter((unit) => unit !== PROXY_SOCKET),
  );
  const running = await activeUnits(systemd, units);
  const later = units
    .filter(({ unit, change }) => (change === 'updated' && before.has(unit)) || !running.has(unit))
    .map(({ unit }) => unit);
  if (flags.json) {
    const changes = units.map(({ unit, change }) => ({ unit, change }));
    cli.say(json({ success: true, app: target.app.name, folder: place.folder, units: changes, settings, later, notes: plan.notes }, 2));
    return EXIT.ok;
  }
  const tick = cli.paint('green', '✓');
  if (handedOver) cli.say(`${tick} took over from the orchestrator that was started by hand; the app served on`);
  for (const { unit, change } of units)
    cli.say(
      `${tick} ${unit}  ${change === 'unchanged' ? 'as it was' : change}, enabled, ${running.has(unit) ? 'running' : 'not open yet'}`,
    );
  for (const file of settings) cli.say(`${tick} ${file}  for its environment; nothing is set`);
  if (later.length > 0)
    cli.say(`What has changed holds from the next start on: ${later.join(', ')}. See docs/guides/vps.md for one without downtime.`);
  if (later.includes(PROXY_SOCKET)) cli.say(howToOpen(place));
  for (const note of plan.notes) cli.warn(`${cli.paintError('yellow', '!')} ${note}`);
  return EXIT.ok;
}

/** Both at once would be refused: systemd starts no socket while its service runs. */
function howToOpen({ system }: Place): string {
  const systemctl = system ? 'systemctl' : 'systemctl --user';
  return [
    `Until ${PROXY_SOCKET} is started anew, the proxy itself opens the ports that it lacks. To have it now, with connections refused while the proxy finishes its requests:`,
    `  ${systemctl} stop ${PROXY_SOCKET} && ${systemctl} restart ${PROXY_UNIT}`,
  ].join('\n');
}

/** Its unit lets a service write there and nowhere else, so it cannot make it itself. */
async function makeFolder(folder: string, { owner }: Place): Promise<void> {
  if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) await chown(folder, owner.uid, owner.gid);
}

/** The service would find it, and have nothing to do. */
async function requireNoOtherDashboard(cli: Cli, systemd: Systemd): Promise<void> {
  const run = await readRun(cli.home);
  if (!run || run.pid === (await mainPid(systemd, DASHBOARD_UNIT))) return;
  throw new CliError(
    EXIT.failed,
    'already_running',
    `A dashboard that was started by hand runs on port ${run.port} (process ${run.pid}): stop that one first.`,
  );
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
  if ((await mainPid(systemd, orchestratorUnit(target.app.name))) === running.pid) return false;
  await stopApp(target, true);
  return true;
}

/** 0 when it does not run. */
async function mainPid(systemd: Systemd, unit: string): Promise<number> {
  return Number((await systemd.systemctl('show', '--property=MainPID', '--value', unit)).stdout);
}

async function activeUnits(systemd: Systemd, units: readonly Written[]): Promise<Set<string>> {
  const { stdout } = await systemd.systemctl('is-active', ...units.map(({ unit }) => unit));
  const states = stdout.split('\n');
  return new Set(units.filter((_unit, at) => states[at] === 'active').map(({ unit }) => unit));
}
