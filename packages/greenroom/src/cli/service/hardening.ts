import { type Setting, word } from './unit-text.ts';

/** What no web app, build or coding agent needs of the kernel. A list of what is allowed would break apps that nobody has seen. */
const NEVER_NEEDED = '~@clock @cpu-emulation @module @obsolete @raw-io @reboot @swap';
const NETWORK = 'AF_UNIX AF_INET AF_INET6 AF_NETLINK';

/** What holds without privileges of systemd's own, so for a user's services too. */
const ANYWHERE: readonly Setting[] = [
  ['NoNewPrivileges', 'yes'],
  ['RestrictAddressFamilies', NETWORK],
  ['RestrictRealtime', 'yes'],
  ['RestrictSUIDSGID', 'yes'],
  ['LockPersonality', 'yes'],
  ['SystemCallArchitectures', 'native'],
  ['SystemCallErrorNumber', 'EPERM'],
];

/** Mount and device settings, which a user's manager cannot make. Control groups are left out: an app's limits are kept by those of its service. */
const SYSTEM_ONLY: readonly Setting[] = [
  ['ProtectSystem', 'strict'],
  ['ProtectKernelTunables', 'yes'],
  ['ProtectKernelModules', 'yes'],
  ['ProtectKernelLogs', 'yes'],
  ['ProtectHostname', 'yes'],
];

export interface Confined {
  system: boolean;
  /** Whether the service's user is root. */
  root: boolean;
  /** Absolute paths; one that is missing is no error. */
  writable: readonly string[];
  /** What it has to start programs as other users and look after their files. */
  capabilities?: readonly string[];
}

export interface OwnConfined extends Omit<Confined, 'root' | 'capabilities'> {
  /** What it reads, its own files first. */
  needed: readonly string[];
  /** It listens below 1024. */
  lowPorts: boolean;
}

/** For what runs the operator's own programs: app, setup, coding agent. No private `/tmp`: systemd deletes that at each restart, under an app that goes on running. */
export function confineApps({ system, root, writable, capabilities }: Confined): Setting[] {
  const settings: Setting[] = [...ANYWHERE, ['SystemCallFilter', NEVER_NEEDED]];
  if (!system) return settings;
  if (capabilities) {
    const given = capabilities.join(' ');
    // Slots have the bit that gives what is made in them to setup's group.
    const withGroups = settings.filter(([name]) => name !== 'RestrictSUIDSGID');
    return [...withGroups, ...SYSTEM_ONLY, readWrite(writable), ['CapabilityBoundingSet', given], ['AmbientCapabilities', given]];
  }
  return [...settings, ...SYSTEM_ONLY, readWrite(writable), ['CapabilityBoundingSet', root ? ROOT_WITHOUT : '']];
}

/** For an app whose operator lets it use sudo for its proxy: every setting that leaves that working. */
export function confineWithSudo({ system, writable }: Confined): Setting[] {
  return system ? [['ProtectSystem', 'strict'], readWrite(writable)] : [];
}

/** For Greenroom's own programs that run nobody else's, so that all they do is known: proxy and dashboard move bytes between sockets, and write into one folder each. */
export function confineOwn({ system, writable, needed, lowPorts }: OwnConfined): Setting[] {
  const settings: Setting[] = [
    ...ANYWHERE,
    ['RestrictNamespaces', 'yes'],
    ['SystemCallFilter', '@system-service'],
    ['SystemCallFilter', '~@privileged @resources'],
    ['UMask', '0077'],
  ];
  if (!system) return settings;
  const capability = lowPorts ? 'CAP_NET_BIND_SERVICE' : '';
  return [
    ...settings,
    ...SYSTEM_ONLY,
    ['ProtectControlGroups', 'yes'],
    readWrite(writable),
    // It would hide what lies there.
    ['PrivateTmp', [...writable, ...needed].some((path) => path.startsWith('/tmp/')) ? 'no' : 'yes'],
    ['PrivateDevices', 'yes'],
    ['ProtectClock', 'yes'],
    ['ProtectHome', 'read-only'],
    ['RemoveIPC', 'yes'],
    ['CapabilityBoundingSet', capability],
    ['AmbientCapabilities', capability],
  ];
}

/** An app that root runs may drop to another user, and listen where it likes; it does nothing to the machine. */
const ROOT_WITHOUT =
  '~CAP_AUDIT_CONTROL CAP_BLOCK_SUSPEND CAP_BPF CAP_LINUX_IMMUTABLE CAP_MAC_ADMIN CAP_MAC_OVERRIDE CAP_MKNOD CAP_NET_ADMIN CAP_PERFMON CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_MODULE CAP_SYS_PACCT CAP_SYS_PTRACE CAP_SYS_RAWIO CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_SYSLOG CAP_WAKE_ALARM';

function readWrite(paths: readonly string[]): Setting {
  const whole = [...new Set(paths)].filter((path) => !paths.some((other) => other !== path && path.startsWith(`${other}/`)));
  return ['ReadWritePaths', whole.map((path) => word(`-${path}`)).join(' ')];
}
