import type { InstanceSockets } from '../../../layout.ts';
import type { RouteTarget } from '../../../ports.ts';
import type { Served } from '../served.ts';

/** All that an app's part of nginx's configuration is made of. */
export interface NginxSetting extends Served {
  /** 0 for an app with one listener. */
  internalPort: number;
  upstream: Upstream;
}

/** Where the app is: behind links that lead to whatever is live, or at the ports of the live instance, null when there is none. */
export type Upstream =
  | { by: 'socket'; links: InstanceSockets }
  | { by: 'port'; target: RouteTarget | null; recent: Readonly<Record<string, number>> };

/** What is known of an app from its file: enough to tell what it has of nginx, and what was live. */
export interface Header {
  app: string;
  /** On which nothing of another app may be. */
  ports: number[];
  /** `shop.example.com:80/shop`, and whether it is HTTPS; the certificate's file too, but in files of earlier versions. */
  routes: { port: number; host: string; path: string; tls: boolean; certificate?: string }[];
  target: RouteTarget | null;
  /** Ports of the instances that were live last, for their drains. */
  recent: Readonly<Record<string, number>>;
}

const MARK = '# greenroom ';

export function headerLine(header: Header): string {
  return `${MARK}${JSON.stringify(header)}`;
}

/** Null for a file that is not one of ours, or was cut. */
export function readHeader(text: string): Header | null {
  const line = text.split('\n', 1)[0] ?? '';
  if (!line.startsWith(MARK)) return null;
  try {
    const found: unknown = JSON.parse(line.slice(MARK.length));
    return isHeader(found) ? found : null;
  } catch {
    return null;
  }
}

function isHeader(value: unknown): value is Header {
  if (typeof value !== 'object' || value === null) return false;
  const { app, ports, routes, target, recent } = value as Partial<Record<keyof Header, unknown>>;
  return (
    typeof app === 'string' &&
    Array.isArray(ports) &&
    Array.isArray(routes) &&
    typeof target === 'object' &&
    typeof recent === 'object' &&
    recent !== null
  );
}
