/** One unit file for each app, with the name of a template's instance: `systemctl status 'greenroom@*'` shows them all, and each has its own user, paths and limits. */
export const orchestratorUnit = (app: string): string => `greenroom@${app}.service`;
export const chatUnit = (app: string): string => `greenroom-chat@${app}.service`;

export const PROXY_UNIT = 'greenroom-proxy.service';
/** Its public ports, which systemd keeps open while no proxy runs. */
export const PROXY_SOCKET = 'greenroom-proxy.socket';
export const DASHBOARD_UNIT = 'greenroom-dashboard.service';

/** The app whose orchestrator the unit is; undefined for other units. */
export function appOfUnit(unit: string): string | undefined {
  return /^greenroom@(.+)\.service$/.exec(unit)?.[1];
}
