/**
 * The control interface of the embedded proxy: JSON over HTTP on the Unix socket `proxy.sock` (0600) in the proxy's directory.
 *
 * | call | answer |
 * |---|---|
 * | `GET /` | 200 `ProxyStatus` |
 * | `PUT /apps/:app` `ProxyAppBody` | registers the app's stable ports and listens on them; idempotent; keeps the target. 409 `port_in_use` names both parties |
 * | `PUT /apps/:app/target` `ProxyTarget \| null` | switches the route: every request read after the answer goes to the new target. Saved before it answers |
 * | `PUT /apps/:app/preview` `ProxyPreview \| null` | shows another instance to whoever opens `<chat path>/preview/<token>`, or to nobody. Saved before it answers |
 * | `POST /apps/:app/drain` `ProxyDrainBody` | answers `ProxyDrainResult` once the instance has nothing in flight, or its limits ran out |
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
  /** Public stable port; listens on all interfaces. */
  port: number;
  /** Internal stable port; listens on 127.0.0.1 only. */
  internal_port?: number;
  /** Absent for an app without a chat. */
  chat?: ProxyChat;
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

export interface ProxyInFlight {
  instance: string;
  requests: number;
  streams: number;
}

export interface ProxyAppStatus {
  app: string;
  port: number;
  internal_port?: number;
  chat?: ProxyChat;
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
