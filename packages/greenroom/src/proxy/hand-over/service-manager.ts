/** The service manager that runs this proxy, which has to learn that another process is the service's main one after a hand-over: otherwise it ends that with this one. */
import { execFile } from 'node:child_process';

const ANSWER_LIMIT_MS = 5_000;

/** Null when this process is no service of systemd's. `stay`: whether it was started as one that something else starts and stops. */
export function serviceManager(stay: boolean): { follow(pid: number): Promise<string> } | null {
  return stay && process.env['INVOCATION_ID'] ? { follow: tellMainProcess } : null;
}

/**
 * Resolves when systemd has taken the process, one of the same service, for its main one; with why not as the end of a sentence otherwise. Node cannot send datagrams to Unix sockets, so
 * a program of systemd's does.
 */
function tellMainProcess(pid: number): Promise<string> {
  if (!process.env['NOTIFY_SOCKET'])
    return Promise.resolve('its unit is of an older version: run "greenroom service install" again, and restart it once');
  return new Promise((resolve) => {
    execFile('systemd-notify', [`MAINPID=${pid}`], { timeout: ANSWER_LIMIT_MS }, (error, _stdout, stderr) =>
      resolve(error ? `systemd-notify: ${stderr.trim() || error.message}` : ''),
    );
  });
}
