import type { Cli, Exit } from '../context.ts';
import { EXIT } from '../context.ts';
import { ago } from '../format.ts';
import { json, plain } from '../terminal.ts';
import { installedUnits } from './files.ts';
import { appOfUnit, chatUnit, orchestratorUnit } from './names.ts';
import { type PlaceFlags, placeOf } from './place.ts';
import { type Systemd, systemdOf } from './systemctl.ts';

export interface StatusFlags extends PlaceFlags {
  readonly app?: string;
  readonly lines: number;
  readonly json: boolean;
}

/** One service as systemd sees it. */
interface ServiceView {
  unit: string;
  /** `active`, `activating` (on its way up, or waiting for its next try), `inactive`, `failed`. */
  state: string;
  detail: string;
  /** Started with the machine. */
  enabled: boolean;
  /** Since when it is in this state, RFC 3339; empty when it never ran. */
  since: string;
  pid: number;
  restarts: number;
  /** Its last lines in the journal. */
  log: string[];
}

const PROPERTIES = 'ActiveState,SubState,UnitFileState,StateChangeTimestamp,MainPID,NRestarts,Result';

/** Shows the services of one app and the proxy, or of all. Exit code 1 when one does not run. */
export async function status(cli: Cli, flags: StatusFlags): Promise<Exit> {
  const place = await placeOf(cli, flags);
  const { app } = flags;
  const units = (await installedUnits(place.folder)).filter(
    (unit) => app === undefined || [orchestratorUnit(app), chatUnit(app)].includes(unit) || !isOfApp(unit),
  );
  const systemd = systemdOf(cli, place);
  // Also refuses, with what to do, when there is no manager to ask.
  if (units.length > 0) await systemd.must('show', '--property=Version');
  const services = await Promise.all(units.map((unit) => look(systemd, unit, flags.lines)));
  const success = services.length > 0 && services.every(({ state }) => state === 'active');
  if (flags.json) {
    cli.say(json({ success, folder: place.folder, services }, 2));
  } else if (services.length === 0) {
    cli.say(
      `There is no service of Greenroom's in ${place.folder}. "greenroom service install" makes them${place.system ? '' : '; those of the machine are shown with --system'}.`,
    );
  } else for (const service of services) tell(cli, service);
  return success ? EXIT.ok : EXIT.failed;
}

function isOfApp(unit: string): boolean {
  return appOfUnit(unit) !== undefined || unit.startsWith('greenroom-chat@');
}

async function look(systemd: Systemd, unit: string, lines: number): Promise<ServiceView> {
  const [shown, journal] = await Promise.all([
    systemd.must('show', '--timestamp=unix', `--property=${PROPERTIES}`, unit),
    systemd.journalctl('--unit', unit, '--lines', String(lines), '--output', 'cat'),
  ]);
  const values = new Map(shown.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  const value = (name: string): string => values.get(name) ?? '';
  const seconds = Number(value('StateChangeTimestamp').replace('@', ''));
  const result = value('Result');
  return {
    unit,
    state: value('ActiveState'),
    detail: [value('SubState'), result === 'success' ? '' : result].filter((part) => part !== '').join(', '),
    enabled: value('UnitFileState') === 'enabled',
    since: seconds > 0 ? new Date(seconds * 1_000).toISOString() : '',
    pid: Number(value('MainPID')),
    restarts: Number(value('NRestarts')),
    log:
      lines === 0
        ? []
        : journal.stdout
            .split('\n')
            .filter((line) => line !== '')
            .map(plain),
  };
}

function tell(cli: Cli, { unit, state, detail, enabled, since, pid, restarts, log }: ServiceView): void {
  const mark = state === 'active' ? cli.paint('green', '✓') : cli.paint('red', '✗');
  const parts = [
    `${state} (${detail})`,
    ago(since, Date.now()),
    pid > 0 ? `process ${pid}` : '',
    restarts > 0 ? `restarted ${restarts} ${restarts === 1 ? 'time' : 'times'}` : '',
    enabled ? '' : 'not started with the machine',
  ];
  cli.say(`${mark} ${unit}  ${parts.filter((part) => part !== '').join(', ')}`);
  for (const line of log) cli.say(cli.paint('dim', `    ${line}`));
}
