/** The unit files of which a machine has one: those of the proxy, and of the dashboard. */
import { dashboardDirectory, proxyDirectory } from '../../home.ts';
import { proxyCommand, proxyEnvironment } from '../../orchestrator/adapters/router/proxy-process.ts';
import { greenroomCommand } from '../own-command.ts';
import { confineOwn } from './hardening.ts';
import { DASHBOARD_UNIT, PROXY_SOCKET, PROXY_UNIT } from './names.ts';
import type { Place } from './place.ts';
import { about, identity, installed, restarting, type UnitFile } from './unit-parts.ts';
import { commandLine, type Setting, unitText, word } from './unit-text.ts';

interface SharedService {
  home: string;
  place: Place;
  /** Of systemd, 0 when it is not known. */
  version: number;
}

/** For public ports on all addresses; there has to be one. */
export function socketFile(ports: readonly number[]): UnitFile {
  return {
    unit: PROXY_SOCKET,
    text: unitText([
      { name: 'Unit', settings: [['Description', 'Greenroom: public ports, kept open while no proxy runs']] },
      {
        name: 'Socket',
        settings: [
          ...ports.map((port): Setting => ['ListenStream', String(port)]),
          ['BindIPv6Only', 'both'],
          // Visitors that wait for a proxy that does not start are no reason to close the ports.
          ['TriggerLimitIntervalSec', '0'],
        ],
      },
      { name: 'Install', settings: [['WantedBy', 'sockets.target']] },
    ]),
  };
}

/** `lowPorts`: an app is served on a port that takes privileges. */
export function proxyFile({ home, place, version, lowPorts }: SharedService & { lowPorts: boolean }): UnitFile {
  const folder = proxyDirectory(home);
  const command = [...proxyCommand(folder), '--stay'];
  const environment = Object.entries(proxyEnvironment(folder)).map(([name, value]): Setting => ['Environment', word(`${name}=${value}`)]);
  return {
    unit: PROXY_UNIT,
    text: unitText([
      about('Greenroom: the proxy', { wants: [], after: [] }),
      {
        name: 'Service',
        why: ['After "greenroom upgrade --proxy" the new process is the main one, and the old one stays for what it has in flight.'],
        settings: [
          ['Type', 'exec'],
          ['NotifyAccess', 'all'],
          ['Sockets', PROXY_SOCKET],
          ...identity(place),
          ['WorkingDirectory', folder.replaceAll('%', '%%')],
          ...environment,
          ['ExecStart', commandLine(command)],
          // Its workers end with it, in their own order.
          ['KillMode', 'mixed'],
          // Of a process that is not systemd's own child, as one that took over, it cannot tell a failure.
          ...restarting(version, '100ms', 'always'),
          ['LimitNOFILE', '65536'],
          ['TasksMax', '256'],
          ...confineOwn({ system: place.system, writable: [folder], needed: command, lowPorts }),
        ],
      },
      installed(place),
    ]),
  };
}

/** `apps`: data directories, in which it reaches the orchestrators. */
export function dashboardFile({ home, place, version, apps }: SharedService & { apps: readonly string[] }): UnitFile {
  const folder = dashboardDirectory(home);
  const command = [...greenroomCommand(), 'dashboard'];
  return {
    unit: DASHBOARD_UNIT,
    text: unitText([
      about('Greenroom: the dashboard', { wants: [], after: [] }),
      {
        name: 'Service',
        settings: [
          ['Type', 'exec'],
          ...identity(place),
          ['WorkingDirectory', folder.replaceAll('%', '%%')],
          ['Environment', word(`GREENROOM_HOME=${home}`)],
          ['ExecStart', commandLine(command)],
          ...restarting(version, '2s'),
          ['TasksMax', '256'],
          ...confineOwn({ system: place.system, writable: [folder], needed: [...command, ...apps], lowPorts: false }),
        ],
      },
      installed(place),
    ]),
  };
}
