import { z } from 'zod';

export const DEFAULT_HEALTH_TIMEOUT_MS = 10_000;
export const DEFAULT_DRAIN_TIMEOUT_MS = 10_000;
export const DEFAULT_SETUP_TIMEOUT_MS = 600_000;
export const DEFAULT_SMOKE_TIMEOUT_MS = 60_000;
export const DEFAULT_WATCH_MS = 30_000;
export const DEFAULT_STANDBY_MS = 0;

const port = z.int().min(1).max(65_535);
const path = z.string().regex(/^\//, 'must begin with "/"');
const milliseconds = z.int().min(0);
const name = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable');

/** Placeholder until the helper's version: see docs/guides/contract.md. */
export const contractSchema = z.object({
  $schema: z.string().optional(),
  start_command: z.string().min(1),
  port,
  internal_port: port.optional(),
  health_endpoint: path,
  health_test_payload: z
    .object({
      method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).default('GET'),
      path,
      headers: z.record(z.string(), z.string()).default({}),
      /** A string is sent as it is, anything else as JSON. */
      body: z.json().optional(),
      expect: z
        .object({
          status: z.union([z.int(), z.array(z.int()).min(1)]).optional(),
          /** Text that the answer's body contains. */
          body: z.string().optional(),
          /** Fields that the answer's JSON has, compared deeply; others may be there too. */
          json: z.record(z.string(), z.json()).optional(),
        })
        .default({}),
    })
    .optional(),
  health_timeout_ms: z.int().min(1).default(DEFAULT_HEALTH_TIMEOUT_MS),
  drain_timeout_ms: milliseconds.default(DEFAULT_DRAIN_TIMEOUT_MS),
  schema_status_endpoint: path.optional(),
  protected_paths: z.array(z.string().min(1)).default([]),
  secrets_inject: z.array(name).default([]),
  max_deploy_size_mb: z.number().positive().default(500),
  max_diff_lines: z.int().min(1).default(20_000),
  alert_webhook: z.url().optional(),
  setup_command: z.string().min(1).optional(),
  setup_inputs: z.array(z.string().min(1)).default(['package.json', 'package-lock.json']),
  setup_timeout_ms: z.int().min(1).default(DEFAULT_SETUP_TIMEOUT_MS),
  smoke_test_command: z.string().min(1).optional(),
  smoke_timeout_ms: z.int().min(1).default(DEFAULT_SMOKE_TIMEOUT_MS),
  shared_paths: z.array(z.string().min(1)).default([]),
  env: z.record(name, z.string()).default({}),
  human_branch: z.string().min(1).default('main'),
  agent_branch: z.string().min(1).default('machine'),
  watch_ms: milliseconds.default(DEFAULT_WATCH_MS),
  standby_ms: milliseconds.default(DEFAULT_STANDBY_MS),
  reconcile_interval_ms: z.int().min(1_000).default(180_000),
  max_branch_divergence: z.int().min(1).default(50),
  disk_threshold_percent: z.number().min(1).max(100).default(90),
  alert_after_failures: z.int().min(1).default(3),
  run_as: z.object({ user: z.string().min(1), group: z.string().min(1).optional() }).optional(),
  limits: z.record(z.string(), z.json()).optional(),
  internal_socket: z.string().min(1).optional(),
  agent: z.record(z.string(), z.json()).optional(),
});

/** The operator's contract with every default filled in. Field names are those of the JSON file. */
export type Contract = z.output<typeof contractSchema>;
