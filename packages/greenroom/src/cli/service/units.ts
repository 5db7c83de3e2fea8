/** The unit files of an app. */
import { basename, delimiter, dirname } from 'node:path';
import { ORCHESTRATOR_CAPABILITIES } from '../../confine/capabilities.ts';
import { isolationNames } from '../../isolation/names.ts';
import { PROXY_SERVICE_VARIABLE } from '../../orchestrator/adapters/router/proxy-process.ts';
import type { Contract } from '../../orchestrator/core/contract.ts';
import { nginxSettings } from '../../orchestrator/core/contract-router.ts';
import type { RegisteredApp } from '../../registry/index.ts';
import { greenroomCommand } from '../own-command.ts';
import { type Confined, confineApps, confineWithSudo } from './hardening.ts';
import { chatUnit, orchestratorUnit, PROXY_UNIT } from './names.ts';
import type { Place } from './place.ts';
import { about, identity, installed, restarting, type UnitFile } from './unit-parts.ts';
import { commandLine, type Setting, unitText, word } from './unit-text.ts';

export interface AppService {
  app: RegisteredApp;
  contract: Contract;
  home: string;
  place: Place;
  /** Of systemd, 0 when it is not known. */
  version: number;
  /** As `MemoryMax` takes it. */
  memoryMax?: string;
  /** More paths that app, setup and agent may write to. */
  writable: readonly string[];
}

/** Beyond the drain of the app: its process group is killed after it, and the orchestrator has to write down how it ended. */
const STOP_MARGIN_S = 30;
/** A first start clones the repository. */
const START_LIMIT_S = 300;
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** What "systemctl restart" would do again to no avail: wrong words, no such app. */
const USELESS_TO_REPEAT = '2 4';
export function orchestratorFile(service: AppService): UnitFile {
  const { app, contract, place, memoryMax } = service;
  const embedded = contract.router.kind === 'embedded';
  const before = embedded ? [PROXY_UNIT] : [`${contract.router.kind}.service`];
  const stopS = Math.ceil(contract.drain_timeout_ms / 1_000) + STOP_MARGIN_S;
  return {
    unit: orchestratorUnit(app.name),
    text: unitText([
      about(`Greenroom: ${app.name}`, { wants: embedded ? before : [], after: before }),
      {
        name: 'Service',
        why: [
          'Only the orchestrator itself is told to stop, and stops the app. When it is killed, or told to leave by "greenroom stop',
          '--detach-app", app and agent stay, and the next start takes them over: so this neither kills them, nor counts them as failures.',
        ],
        settings: [
          ...running(service, place.settingsFile(app.name)),
          ['ExecStart', commandLine([...greenroomCommand(), 'start', '--app', app.name])],
          ['ExecStartPost', commandLine([...greenroomCommand(), 'service', 'ready', '--app', app.name])],
          ...(embedded ? ([['Environment', word(`${PROXY_SERVICE_VARIABLE}=${PROXY_UNIT}`)]] as const) : []),
          ['TimeoutStartSec', `${START_LIMIT_S}s`],
          ['TimeoutStopSec', `${stopS}s`],
          ['TasksMax', '4096'],
          ...(memoryMax === undefined ? [] : ([['MemoryMax', memoryMax]] as const)),
          ...confinement(service),
        ],
      },
      installed(place),
    ]),
  };
}

export function chatFile(service: AppService): UnitFile {
  const { app, place } = service;
  return {
    unit: chatUnit(app.name),
    text: unitText([
      about(`Greenroom: the chat of ${app.name}`, { wants: [], after: [orchestratorUnit(app.name)] }),
      {
        name: 'Service',
        why: ["A turn of the agent goes on when the chat is stopped or restarted: only the chat's own process is."],
        settings: [
          ...running(service, place.settingsFile(`${app.name}.chat`)),
          ['ExecStart', commandLine([...greenroomCommand(), 'chat', '--app', app.name])],
          ['TasksMax', '4096'],
          ...confinement(service),
        ],
      },
      installed(place),
    ]),
  };
}

/** Whether the app has users of its own, among them one for its orchestrator, chat and the agent's runner. */
const isIsolated = ({ contract, place }: AppService): boolean => contract.run_as !== undefined && place.system;

function running(service: AppService, settingsFile: string): Setting[] {
  const { app, home, place, version } = service;
  const path = [...new Set([dirname(process.execPath), ...SYSTEM_PATH.split(delimiter)])].join(delimiter);
  return [
    ['Type', 'exec'],
    ...(isIsolated(service) ? ([['User', isolationNames(app.name).orchestrator]] as const) : identity(place)),
    ['WorkingDirectory', app.data.replaceAll('%', '%%')],
    ['Environment', word(`GREENROOM_HOME=${home}`)],
    ['Environment', word(`PATH=${path}`)],
    ['EnvironmentFile', `-${settingsFile.replaceAll('%', '%%')}`],
    ['KillMode', 'process'],
    ...restarting(version, '2s'),
    ['RestartPreventExitStatus', USELESS_TO_REPEAT],
    // An instance that ran out of memory is started again by the orchestrator, which must not be stopped for it.
    ['OOMPolicy', 'continue'],
    // The contract's limits are kept by control groups below that of the service.
    ['Delegate', 'yes'],
    ['LimitNOFILE', '65536'],
  ];
}

function confinement(service: AppService): Setting[] {
  const { app, contract, home, place, writable } = service;
  const { kind } = contract.router;
  const { command, configDir } = nginxSettings(contract.router);
  const remote = app.repo.startsWith('/') ? [app.repo] : [];
  // Builds, package managers and agents keep caches and sessions in their user's home.
  const own = [place.owner.home, home, app.data, ...remote, '/tmp', '/var/tmp', ...writable];
  const nginx = kind === 'nginx' ? [configDir, '/run', '/var/log/nginx', '/var/lib/nginx'] : [];
  const confined: Confined = { system: place.system, root: place.owner.uid === 0, writable: [...own, ...nginx] };
  if (isIsolated(service)) return confineApps({ ...confined, capabilities: ORCHESTRATOR_CAPABILITIES });
  return kind === 'nginx' && ['sudo', 'doas'].includes(basename(command[0] ?? '')) ? confineWithSudo(confined) : confineApps(confined);
}
