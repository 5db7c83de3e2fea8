import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Greenroom's folder on this machine: `$GREENROOM_HOME`, else `greenroom` below the user's state directory. */
export function greenroomHome(env: NodeJS.ProcessEnv = process.env): string {
  if (env['GREENROOM_HOME']) return resolve(env['GREENROOM_HOME']);
  const state = env['XDG_STATE_HOME'] || join(env['HOME'] || homedir(), '.local', 'state');
  return join(state, 'greenroom');
}

/** Folder of an app's data, the default of `--data`. */
export function appDirectory(home: string, app: string): string {
  return join(home, 'apps', app);
}

/** Folder of the machine's one embedded proxy: `proxy.sock`, `routes.json`, `proxy.log`. */
export function proxyDirectory(home: string): string {
  return join(home, 'proxy');
}

/** Folder of the machine's one dashboard: `run.json`. */
export function dashboardDirectory(home: string): string {
  return join(home, 'dashboard');
}

/** What the machine's proxy calls an app: two data directories may use one name, but never one route. */
export function proxyName(app: string, data: string): string {
  return `${app}-${createHash('sha256').update(data).digest('hex').slice(0, 8)}`;
}
