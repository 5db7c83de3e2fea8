import type { ProxyStatus, ProxyUpgraded } from '@greenroom/sdk/proxy';
import { proxyDirectory } from '../../home.ts';
import { callProxy, ProxyUnreachable } from '../../orchestrator/adapters/router/proxy-client.ts';
import { proxyMain } from '../../orchestrator/adapters/router/proxy-process.ts';
import { CliError, EXIT } from '../context.ts';
import { PROXY_UNIT } from '../service/names.ts';

/** Longer than a hand-over may take, which is the proxy's to end. */
const CALL_LIMIT_MS = 20_000;

export interface ProxyChange {
  from: string;
  to: string;
  pid: number;
}

/** Lets this installation's proxy take over from the machine's. Throws `CliError` when there is none, or the one that runs goes on. */
export async function upgradeProxy(home: string): Promise<ProxyChange> {
  const directory = proxyDirectory(home);
  try {
    const before = await callProxy(directory, 'GET', '/', undefined, AbortSignal.timeout(CALL_LIMIT_MS));
    const { version } = before.body as ProxyStatus;
    const wanted = { main: proxyMain(), node: process.execPath };
    const answer = await callProxy(directory, 'POST', '/upgrade', wanted, AbortSignal.timeout(CALL_LIMIT_MS));
    if (answer.status < 300) {
      const after = answer.body as ProxyUpgraded;
      return { from: version, to: after.version, pid: after.pid };
    }
    const { code, error } = answer.body as { code: string; error: string };
    const why = code === 'not_found' ? `version ${version} cannot hand its ports over` : error;
    throw new CliError(
      EXIT.failed,
      'upgrade_failed',
      `The proxy was not replaced: ${why}. The one that runs goes on; its log is ${directory}/proxy.log, or that of ${PROXY_UNIT}`,
    );
  } catch (error) {
    if (!(error instanceof ProxyUnreachable)) throw error;
    throw new CliError(EXIT.failed, 'not_running', `No proxy answers in ${directory}: the next orchestrator that starts brings one up.`);
  }
}
