import type { RequestErrorCode } from '@greenroom/sdk/wire';

/** Which listener a request came in by. The kernel decides who may connect to a socket, so the listener is the role. */
export type Listener = 'operator-socket' | 'agent-socket' | 'tcp';

const LOOPBACK_HOSTS = new Set(['localhost', '127.0.0.1', '[::1]', '::1']);

/**
 * Why a request must not be served; null when it may. A page in somebody's browser can reach a loopback port, directly or by a name that
 * resolves to it; it cannot hide its `Origin`, nor send a `Host` of loopback when it came by another name.
 */
export function refusedCaller(
  listener: Listener,
  headers: { host: string | undefined; origin: string | undefined; site: string | undefined },
): { code: RequestErrorCode; error: string } | null {
  if (listener !== 'tcp') return null;
  if (headers.host === undefined || !LOOPBACK_HOSTS.has(hostName(headers.host))) {
    return { code: 'forbidden', error: `Host "${headers.host ?? ''}" is not this API's: call it as 127.0.0.1 or localhost.` };
  }
  // Another port of this machine is another origin too: the app itself is a page there, and its code is the agent's.
  if (headers.origin !== undefined && originHost(headers.origin) !== headers.host.toLowerCase()) {
    return { code: 'forbidden', error: `Requests of pages from ${headers.origin} are refused.` };
  }
  if (headers.site === 'cross-site') return { code: 'forbidden', error: 'Requests of pages from other sites are refused.' };
  return null;
}

function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '');
}

function originHost(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).host : '';
}
