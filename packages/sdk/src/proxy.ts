/**
 * The control interface of the embedded proxy: JSON over HTTP on the Unix socket `proxy.sock` (0600) in the proxy's directory.
 *
 * | call | answer |
 * |---|---|
 * | `GET /` | 200 `ProxyStatus` |
 * | `GET /stats` | 200 `ProxyStats` |
 * | `PUT /apps/:app` `ProxyAppBody` | registers the app's stable ports and routes, and listens there; idempotent; keeps the target. 409 `port_in_use` or `route_taken` names both parties |
 * | `PUT /apps/:app/target` `ProxyTarget \| null` | switches the route: every request read after the answer goes to the new target. Saved before it answers |
 * | `PUT /apps/:app/preview` `ProxyPreview \| null` | shows another instance to whoever opens `<chat path>/preview/<token>`, or to nobody. Saved before it answers |
 * | `POST /apps/:app/drain` `ProxyDrainBody` | answers `ProxyDrainResult` once the instance has nothing in flight, or its limits ran out |
 * | `POST /upgrade` `ProxyUpgradeBody` | lets a new process take over the ports, and answers `ProxyUpgraded`; 409 `upgrade_failed` when that did not come up: then nothing has changed |
 * | `DELETE /apps/:app` | frees the ports; the proxy exits when no app is left |
 *
 * Errors are `{ code, error }` with a 4xx or 5xx status.
 */

/** Where an instance listens. Ports on the loopback interface; `host` is `127.0.0.1` or `::1`, whichever the probe reached. */
export interface ProxyTarget {
  instance: string;
  host: string;
  port: number;
  /** Absent for an app with one listener. */
  internal_port?: number;
}

export interface ProxyAppBody {
  /** Public stable port; listens on all interfaces, or on `port_host`. */
  port: number;
  port_host?: '127.0.0.1';
  /** Internal stable port; listens on 127.0.0.1 only. */
  internal_port?: number;
  /** Absent for an app without a chat. */
  chat?: ProxyChat;
  /** Where else the app is served, on ports that it may share with others: on all interfaces. */
  routes?: ProxyRoute[];
  /** IP addresses and networks such as `10.0.0.0/8`: what comes from there is believed about forwarding. */
  trusted_proxies?: string[];
}

/** The most specific host of a port counts (an exact one before `*.`, that before any), then the longest path. */
export interface ProxyRoute {
  port: number;
  /** In lower case; `*.` at its beginning stands for one more label. Any host when it is left out. */
  host?: string;
  /** Prefix of the path, segment by segment, compared with the request's bytes as they come; not taken off. As `ProxyChat.path`. */
  path?: string;
  /** Served by HTTPS with this certificate. All routes of a port have one, or none has. */
  tls?: ProxyTls;
  /** Requests are sent to this HTTPS port instead, by 308; those that a certificate authority makes to see who has the host are not. */
  redirect?: number;
}

/** Absolute paths of PEM files, which are read again when they change. */
export interface ProxyTls {
  /** With its chain. */
  certificate: string;
  key: string;
}

/** Requests for this path and what is below it, on the public port, go to this Unix socket and never to the app. */
export interface ProxyChat {
  /** Begins with `/`, does not end with it, and has no `.`, `..` or escaped segment. Compared with the request's bytes as they come. */
  path: string;
  /** Absolute path. */
  socket: string;
}

/** An instance that is not live, and the secret that shows it. */
export interface ProxyPreview {
  /** 16 to 128 characters of `A-Z a-z 0-9 _ -`. */
  token: string;
  target: ProxyTarget;
}

export interface ProxyDrainBody {
  instance: string;
  /** After this many milliseconds requests still in flight are given up and counted. */
  timeout_ms: number;
  /** After this many milliseconds streams (upgraded connections, server-sent events) are closed cleanly. */
  stream_timeout_ms: number;
}

export interface ProxyDrainResult {
  /** True when everything ended by itself or by a clean close. */
  drained: boolean;
  /** Streams that were closed cleanly at their limit. */
  closed_streams: number;
  /** Requests still in flight when the time ran out. */
  abandoned_requests: number;
}

/** Which installation takes over; by default the proxy's own. */
export interface ProxyUpgradeBody {
  /** Its proxy's program: absolute path of a file of the proxy's user or root. */
  main?: string;
  /** The Node that runs it, as `main`. */
  node?: string;
}

export interface ProxyUpgraded {
  pid: number;
  version: string;
}

export interface ProxyInFlight {
  instance: string;
  requests: number;
  streams: number;
}

export interface ProxyAppStatus extends ProxyAppBody {
  app: string;
  target: ProxyTarget | null;
  /** Instance that is shown to whoever has the token; absent when none is. */
  preview?: string;
  in_flight: ProxyInFlight[];
}

export interface ProxyStatus {
  pid: number;
  version: string;
  /** How many processes move requests at the moment: 1 is the proxy itself, more are its workers. 0 while none of them has started yet. */
  workers: number;
  apps: ProxyAppStatus[];
}

/** Upper bounds of the buckets that times are counted in, in seconds; one more bucket is for what took longer. */
export const PROXY_SECONDS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export interface ProxyHistogram {
  /** In each bucket by itself. */
  counts: number[];
  /** Seconds of all together. */
  sum: number;
}

/** What passed between visitors and one instance since it was routed to. Counters only grow, until the proxy is started again. */
export interface ProxyInstanceStats {
  instance: string;
  /** Answers by the class of their status, 1xx to 5xx. 1xx are upgraded connections. */
  answers: number[];
  /** Tries that got no answer of it: another one followed, or the proxy answered, or the visitor went away. */
  unanswered: number;
  /** Answers that did not come to their end: the app or the visitor cut them off. */
  cut: number;
  /** In flight now. */
  requests: number;
  streams: number;
  /** From the request's head to the answer's. */
  first_byte: ProxyHistogram;
  /** From the request's head until the visitor has all of the answer; streams are not in it. */
  duration: ProxyHistogram;
}

export interface ProxyAppStats {
  app: string;
  /** The live one, the one before it and one more, at most. */
  instances: ProxyInstanceStats[];
  /** Requests that the proxy answered itself, because the app did not: 502, 503 or 504. */
  failures: { status: number; count: number }[];
}

export interface ProxyStats {
  apps: ProxyAppStats[];
}
