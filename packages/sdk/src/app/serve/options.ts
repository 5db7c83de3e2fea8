import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Migrations } from '../migrations/options.ts';
import type { Schema } from '../schema/schema.ts';
import type { HealthChecks } from './health.ts';

/** A request handler of node:http, and of whatever has its shape: Express, Koa's callback, Next's handler. */
export type Listener = (request: IncomingMessage, response: ServerResponse) => unknown;

/** What the internal listener answers and what it needs; also for apps whose public server is somebody else's. */
export interface InternalOptions {
  /** Opens what requests need, such as the database. Until it has resolved, health answers 503 `starting` and nothing public listens. */
  init?: () => unknown;
  /** Named parts that the app cannot do without. */
  health?: HealthChecks;
  /** The contract's `health_endpoint`; `/healthz` without. */
  healthPath?: string;
  /** Which schema the database has and which ones this code works with. */
  schema?: Schema;
  /** The contract's `schema_status_endpoint`; `/schema/status` without. */
  schemaPath?: string;
  /** Switches `POST /migrations/run` on; needs `schema`. */
  migrations?: Migrations;
  /** More paths of the internal listener, by exact path: `{ '/internal/chat-user': authorizeHandler(authorize) }`. */
  internal?: Record<string, Listener>;
  /** First at SIGTERM: ends what does not end by itself, such as event streams (`chat.close()`) and WebSockets (`close(1001)`). */
  onStop?: () => unknown;
  /** Is told what the app has to repair; `console.error` without. */
  onError?: (error: unknown) => void;
  env?: NodeJS.ProcessEnv;
}

export interface ServeOptions extends InternalOptions {
  /** Last, when no request is left: closes what `init` opened. */
  close?: () => unknown;
  /** How long requests in flight may take after SIGTERM, 8 seconds without; keep it below the contract's `drain_timeout_ms`. */
  stopTimeoutMs?: number;
  /** Where to listen when `PORT` is not set, as in development; 3000 without. */
  port?: number;
  /** 127.0.0.1 without. */
  host?: string;
}

/** Milliseconds that requests in flight have after SIGTERM. */
export const DEFAULT_STOP_TIMEOUT_MS = 8_000;
/** Milliseconds that `close` has after that. */
export const CLOSE_LIMIT_MS = 1_000;

export function reporterOf({ onError }: InternalOptions): (error: unknown) => void {
  return onError ?? ((error) => console.error('greenroom:', error));
}
