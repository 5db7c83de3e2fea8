/**
 * The dashboard: what its page and `greenroom top` are told of all apps of a machine. JSON over HTTP on 127.0.0.1, for the operator alone; fields are
 * snake_case, times RFC 3339 in UTC.
 *
 * | call | answer |
 * |---|---|
 * | `POST /api/login` `{token}` | `DashboardLogin` and a cookie, once for each link; `POST /api/logout` ends the session |
 * | `GET /api/stream` | server-sent events, see below |
 * | `GET /api/apps` | `DashboardApp[]` |
 * | `GET /api/apps/:app/deploys?limit=N`, `…/deploys/:id`, `…/deploys/:id/diff` | as the app's orchestrator answers |
 * | `GET /api/apps/:app/logs?instance=ID` | server-sent events, as the orchestrator's `GET /logs/stream` |
 * | `POST /api/apps/:app/deploy` `{commit \| branch, reason?}`, `…/rollback` `{to, reason?}` | 202 `{id}`; 409 when the previous release is not `to` any more |
 * | `POST /api/apps/:app/approve` `{id}`, `…/deny` `{id, reason?}`, `…/freeze` `{scope, reason}`, `…/thaw` | 200 `{}` |
 *
 * Every call but the login needs the cookie and, in the header `X-Greenroom-Key`, the key that the login answered: a browser sends the cookie of one port of
 * this machine to all of them. Refusals are `DashboardRefusal` with a 4xx or 5xx status.
 *
 * Events of the stream: `app` (a `DashboardApp`, whenever it is another), `gone` (`{name}`), `registry` (`BrokenEntry[]`), each with an `id`: after a break
 * `Last-Event-ID` brings what has changed since. `load` (a `DashboardLoad`) has none: the last minutes come with each connection, then one every two seconds.
 */
import type { SlotName, Status } from './wire.ts';

export const DEFAULT_DASHBOARD_PORT = 9180;
export const DASHBOARD_KEY_HEADER = 'x-greenroom-key';
/** Between two samples of load. */
export const LOAD_INTERVAL_MS = 2_000;
/** How many samples are kept. */
export const LOAD_SAMPLES = 150;

export interface DashboardLogin {
  key: string;
  /** Name of the user that runs the dashboard; decisions are made in this name. */
  user: string;
  /** Name of the machine. */
  host: string;
  version: string;
}

export interface DashboardRefusal {
  code: 'unauthorized' | 'forbidden' | 'invalid_request' | 'not_found' | 'conflict' | 'unavailable' | 'too_large' | 'internal_error';
  error: string;
}

/** An app of the machine's registry. */
export interface DashboardApp {
  name: string;
  /** Data directory. */
  data: string;
  /** Repository, or its URL. */
  repo: string;
  /** Where visitors reach the app, as URLs; empty until its first start. */
  addresses: string[];
  /** `away`: its orchestrator does not run, or does not answer; `asking`: not known yet. */
  reach: 'asking' | 'up' | 'away';
  /** Why it is away, as a sentence; empty otherwise. */
  problem: string;
  /**
   * How its orchestrator ended, as the registry has it: empty while it runs, and when that is not known. `detached`: the app runs on without it; `stale`: there
   * is nothing left that could be started.
   */
  ended: '' | 'never_started' | 'stopped' | 'detached' | 'crashed' | 'stale';
  /** What the registry says beside that, as a phrase, such as why its last start failed; empty when nothing, and while it runs. */
  note: string;
  /** As last heard, also while it is away; null when it was never heard. */
  status: Status | null;
  /** When it was heard; empty when it never was. */
  seen_at: string;
}

/** A file of the registry that is no valid entry. */
export interface BrokenEntry {
  file: string;
  problem: string;
}

/** How busy an app is, at one moment. */
export interface DashboardLoad {
  app: string;
  /** Milliseconds since the epoch. */
  at: number;
  releases: ReleaseLoad[];
  /** The file system of the data directory; null when it cannot be looked at. */
  disk: { free_bytes: number; total_bytes: number } | null;
}

/** What one instance does, or did last: the one before the live one stays in sight when it has ended. `null`: not known. */
export interface ReleaseLoad {
  instance: string;
  commit: string;
  slot: SlotName | '';
  role: 'live' | 'candidate' | 'previous';
  /** Of the process and its descendants. */
  memory_bytes: number | null;
  /** 100 is one core. */
  cpu_percent: number | null;
  /** As the proxy counts it; null when it does not, and at the first look. */
  traffic: Traffic | null;
}

export interface Traffic {
  in_flight: number;
  /** Since the sample before. Latencies in milliseconds; 0 without a request. */
  requests_per_second: number;
  errors_per_second: number;
  p50_ms: number;
  p99_ms: number;
  /** Since the instance took its first request. Errors are answers of the class 5xx; in the rate, those too that the proxy had to give itself. */
  total: { requests: number; errors: number; p50_ms: number; p99_ms: number };
}
