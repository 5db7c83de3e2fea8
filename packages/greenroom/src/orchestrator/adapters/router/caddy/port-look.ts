import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { listeningSockets, portOwner } from '../../../../port-owner.ts';
import { nameOf } from '../names.ts';
import { RouterError } from '../router-error.ts';

/** What Caddy itself has just closed may take a moment. */
const CLOSING_LIMIT_MS = 500;
const CLOSING_LOOK_MS = 10;
/** Others may take a port that was seen free. */
const FREE_FOR_MS = 5_000;

/**
 * What an app's change of Caddy knows of the ports that Caddy is to open. Asked before Caddy is: one that meets a taken port refuses the configuration, but
 * goes on serving part of it beside what it had (measured with 2.6.2), until it is started again.
 */
export interface PortLook {
  /** Whether all were seen free a moment ago. */
  areFree(ports: readonly number[]): boolean;
  /** Looks at all of them at once. Rejects with `RouterError`, which names the owner, when one was taken before and still is. */
  look(ports: readonly number[], plainHttp: number): Promise<void>;
}

export function createPortLook(app: string): PortLook {
  const freeUntil = new Map<number, number>();
  const takenSince = new Map<number, number>();
  return {
    areFree: (ports) => ports.every((port) => (freeUntil.get(port) ?? 0) > Date.now()),
    async look(ports, plainHttp) {
      const listening = new Set((await listeningSockets()).map(({ port }) => port));
      for (const port of ports) {
        if (!listening.has(port) || (port === plainHttp && (await isCaddys(port)))) {
          freeUntil.set(port, Date.now() + FREE_FOR_MS);
          takenSince.delete(port);
          continue;
        }
        // At the first sight it may be Caddy's, for an app whose change came between the snapshot and this look: the next snapshot shows that.
        const since = takenSince.get(port);
        if (since === undefined) takenSince.set(port, Date.now());
        else if (Date.now() - since > CLOSING_LIMIT_MS) throw inUse(port, app, await portOwner(port));
        await delay(CLOSING_LOOK_MS);
      }
    },
  };
}

/** Where it redirects to HTTPS, Caddy listens on its port for plain HTTP without a server in its configuration, and shares that with one. */
function isCaddys(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, agent: false, timeout: CLOSING_LIMIT_MS }, (answer) => {
      resolve(answer.headers.server === 'Caddy');
      answer.destroy();
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
    asked.end();
  });
}

const inUse = (port: number, app: string, owner: string): RouterError =>
  new RouterError(
    'port_in_use',
    `port ${port} is wanted by app "${nameOf(app)}", but ${owner} listens on it: stop that, or change the port in the contract`,
  );
