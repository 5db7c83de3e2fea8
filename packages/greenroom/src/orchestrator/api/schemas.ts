/** The API's shapes, once: they validate requests and are the OpenAPI description. */
import {
  API_ACCESS,
  APPROVAL_STATES,
  ATTEMPT_KINDS,
  DRIFT_NAMES,
  FAILURE_CODES,
  OVERRIDABLE_CODES,
  REQUEST_ERROR_CODES,
  ROUTER_KINDS,
  STEP_NAMES,
  TRIGGERS,
} from '@greenroom/sdk/wire';
import { z } from 'zod';

const commitish = z.string().trim().min(1).max(255);
const reason = z.string().max(2_000);
const trigger = z
  .enum(TRIGGERS as [string, ...string[]])
  .meta({ description: 'What asks for it. Callers of the agent socket are always `agent`.' });
const slotOrNone = z.enum(['a', 'b', '']);
const slot = z.enum(['a', 'b']);
const time = z.string().meta({ description: 'RFC 3339 in UTC; empty when there is none', example: '2026-02-01T12:00:00.000Z' });
const step = z.enum(STEP_NAMES);

const nameInChat = z.string().regex(/^[A-Za-z0-9_-]{0,64}$/, 'at most 64 letters, digits, - and _');
const origin = z
  .object({
    conversation: nameInChat.min(1),
    turn: nameInChat.meta({ description: 'Empty for what a person did by a button.' }),
  })
  .meta({ description: 'Which turn of which conversation of the chat asks for it.' });

export const deployBody = z
  .object({
    commit: commitish
      .optional()
      .meta({ description: 'Full or abbreviated commit id, branch or tag. Exactly one of `commit` and `branch`.' }),
    branch: commitish.optional().meta({ description: 'Name of a branch; its head is fetched first.' }),
    reason: reason.optional(),
    dry_run: z.boolean().optional().meta({ description: 'Answer the plan and do nothing.' }),
    trigger: trigger.optional(),
    origin: origin.optional(),
  })
  .meta({ id: 'DeployRequest' });

export const rollbackBody = z
  .object({ reason: reason.optional(), dry_run: z.boolean().optional(), trigger: trigger.optional(), origin: origin.optional() })
  .meta({ id: 'RollbackRequest' });

export const restartBody = z.object({ reason: reason.optional(), dry_run: z.boolean().optional() }).meta({ id: 'RestartRequest' });
export const evidence = z
  .object({
    log_tail: z.array(z.string()).optional(),
    log_file: z.string().optional(),
    request: z
      .object({
        method: z.string(),
        url: z.string(),
        expected: z.string(),
        status: z.int().optional(),
        body: z.string().optional(),
        error: z.string().optional(),
      })
      .optional(),
    exit: z
      .object({ code: z.int().nullable(), signal: z.string().nullable(), description: z.string(), limit: z.string().optional() })
      .optional(),
    command: z.string().optional(),
    rule: z.string().optional(),
    file: z.string().optional(),
    line: z.int().optional(),
    commit: z.string().optional(),
    fingerprint: z.string().optional(),
    remedy: z.string().optional(),
  })
  .meta({ id: 'Evidence' });

export const deploySuccess = z
  .object({ success: z.literal(true), id: z.string(), slot, commit: z.string(), previous_commit: z.string() })
  .meta({ id: 'DeploySuccess' });
export const rollbackSuccess = z
  .object({ success: z.literal(true), id: z.string(), slot, commit: z.string() })
  .meta({ id: 'RollbackSuccess' });
export const accepted = z.object({ success: z.literal(true), id: z.string(), status: z.literal('accepted') }).meta({ id: 'Accepted' });

export const refusal = z
  .object({
    success: z.literal(false),
    id: z.string().optional(),
    step: step.optional(),
    code: z.enum([...FAILURE_CODES, ...REQUEST_ERROR_CODES]),
    error: z.string(),
    evidence: evidence.optional(),
  })
  .meta({ id: 'Refusal' });

export const dryRun = z
  .object({
    success: z.literal(true),
    dry_run: z.literal(true),
    kind: z.enum(ATTEMPT_KINDS),
    commit: z.string(),
    slot,
    steps: z.array(z.object({ step, detail: z.string() })),
  })
  .meta({ id: 'DryRun' });

export const stepView = z
  .object({
    step,
    status: z.enum(['pending', 'running', 'succeeded', 'failed', 'skipped']),
    started_at: time,
    duration_ms: z.number(),
    detail: z.string().optional(),
    code: z.enum(FAILURE_CODES).optional(),
    error: z.string().optional(),
    evidence: evidence.optional(),
  })
  .meta({ id: 'Step' });

const callerView = z.object({ uid: z.int(), user: z.string(), pid: z.int(), program: z.string() }).meta({
  id: 'Caller',
  description: 'The process that called by a Unix socket, as the kernel knows it. Strings are empty, and `pid` 0, when unknown.',
});

const approval = z
  .object({
    state: z.enum(APPROVAL_STATES),
    since: time,
    until: time,
    preview_path: z
      .string()
      .meta({ description: "Path on the app's public port that shows the candidate; holds a secret. Empty when nothing is shown." }),
    by: z.string(),
    reason: z.string(),
    called_by: callerView.optional(),
  })
  .meta({ id: 'Approval', description: "A person's word on an agent's deploy, before it goes live." });

export const attemptView = z
  .object({
    id: z.string(),
    kind: z.enum(ATTEMPT_KINDS),
    status: z.enum(['queued', 'running', 'succeeded', 'failed', 'rolled_back']),
    promoted: z.boolean(),
    commit: z.string(),
    branch: z.string(),
    slot: slotOrNone,
    previous_commit: z.string(),
    trigger,
    caller: z.string(),
    called_by: callerView.optional(),
    reason: z.string(),
    requested_at: time,
    started_at: time,
    finished_at: time,
    duration_ms: z.number(),
    steps: z.array(stepView),
    origin: origin.optional(),
    traceparent: z.string().optional().meta({ description: 'The trace that the attempt belongs to, when whoever asked for it named one.' }),
    approval: approval.optional(),
    step: step.optional(),
    code: z.enum(FAILURE_CODES).optional(),
    error: z.string().optional(),
    evidence: evidence.optional(),
  })
  .meta({ id: 'Attempt' });

export const driftView = z
  .object({
    name: z.enum(DRIFT_NAMES),
    detail: z.string(),
    action: z.enum(['deploy', 'restore', 'clean', 'publish', 'reset', 'alert', 'none']),
    since: time,
  })
  .meta({ id: 'Drift' });

const schemaVersion = z.int().nonnegative();
const schemaView = z
  .object({
    now: z
      .object({
        current_schema_version: schemaVersion,
        code_min_schema_version: schemaVersion,
        code_max_schema_version: schemaVersion,
        pending_migrations: schemaVersion,
        compatible: z.boolean(),
      })
      .nullable()
      .meta({ description: 'What the live instance says now; null when it does not, and `problem` says why.' }),
    problem: z.string(),
    releases: z.array(
      z.object({
        commit: z.string(),
        slot,
        role: z.enum(['live', 'previous']),
        code_min_schema_version: schemaVersion.nullable(),
        code_max_schema_version: schemaVersion.nullable(),
        fits: z
          .enum(['yes', 'no', 'unknown'])
          .meta({ description: 'Whether it works with the database as it is: for `previous`, whether a rollback would be allowed.' }),
        why: z.string(),
      }),
    ),
  })
  .meta({ id: 'Schema' });

export const status = z
  .object({
    live_slot: slotOrNone,
    live_commit: z.string(),
    previous_slot: slotOrNone,
    previous_commit: z.string(),
    last_deploy_time: time,
    healthy: z.boolean().meta({ description: 'True only while a live instance runs and its health endpoint answers 200.' }),
    app: z.string(),
    version: z.string(),
    port: z.int(),
    api_access: z.enum(API_ACCESS).meta({ description: 'What the TCP port serves: every call, questions only, or nothing.' }),
    router: z
      .enum(ROUTER_KINDS)
      .meta({ description: 'The proxy in front of the app. Only the embedded one counts requests and shows previews.' }),
    slots: z.array(
      z.object({
        slot,
        directory: z.string(),
        commit: z.string(),
        role: z.enum(['live', 'standby', 'previous', 'candidate', 'retiring', 'empty', 'idle']),
        instance: z.string(),
        pid: z.int(),
      }),
    ),
    attempt: attemptView.nullable(),
    queue: z.array(
      z.object({
        id: z.string(),
        kind: z.enum(ATTEMPT_KINDS),
        commit: z.string(),
        branch: z.string(),
        trigger,
        requested_at: time,
      }),
    ),
    watch: z.object({ id: z.string(), until: time }).nullable(),
    quarantine: z.array(z.string()),
    consecutive_failures: z.int(),
    restart: z.object({ attempt: z.int(), at: time, last_exit: z.string() }).nullable(),
    branches: z.record(z.string(), z.string()),
    agent: z.object({ busy: z.boolean().meta({ description: 'Whether a turn of the coding agent is under way.' }) }),
    schema: schemaView.nullable().meta({ description: 'How database and releases fit together; null without a `schema_status_endpoint`.' }),
    journal: z.object({ records: z.int(), intact: z.boolean(), problem: z.string() }),
    freeze: z
      .object({ scope: z.enum(['agent', 'all']), reason: z.string(), caller: z.string(), called_by: callerView.optional(), since: time })
      .nullable(),
    overrides: z.array(
      z.object({
        commit: z.string(),
        code: z.enum(FAILURE_CODES),
        fingerprint: z.string(),
        reason: z.string(),
        caller: z.string(),
        called_by: callerView.optional(),
        since: time,
      }),
    ),
    drift: z.array(driftView),
    checks: z
      .object({
        commit: z.string(),
        state: z.enum(['none', 'pending', 'success', 'failure']),
        total: z.int(),
        failed: z.array(z.string()),
        url: z.string().meta({ description: 'Page of the first check that failed; empty when none did.' }),
        read_at: time,
      })
      .nullable()
      .meta({ description: "What the project's own CI says; null without GitHub, and until it has answered once." }),
    github_problem: z.string().meta({ description: 'What is wrong with GitHub or the access to it; empty when nothing is.' }),
    deploys: z.array(attemptView),
  })
  .meta({ id: 'Status' });

export const attemptList = z.array(attemptView).meta({ id: 'AttemptList' });
export const ready = z.object({ ready: z.literal(true), app: z.string(), version: z.string() }).meta({ id: 'Ready' });
export const logsQuery = z.object({
  lines: z.coerce.number().int().min(1).max(1_000).default(100),
  instance: z.string().min(1).max(128).default('live'),
});
export const instanceLogs = z
  .object({
    instance: z.string(),
    commit: z.string(),
    slot,
    lines: z.array(z.string()).meta({ description: 'Oldest first, without terminal escapes; long lines are cut.' }),
  })
  .meta({ id: 'InstanceLogs' });
export const logOwner = z.object({ instance: z.string(), commit: z.string(), slot }).meta({ id: 'LogOwner' });
const count = z.int().nonnegative();
const times = z.object({ bounds: z.array(z.number()), counts: z.array(count), sum: z.number() }).meta({ description: 'In seconds.' });
export const traffic = z
  .object({
    counted: z.boolean().meta({ description: 'False when the proxy did not say so at once, or counts nothing for Greenroom.' }),
    instances: z.array(
      z.object({
        instance: z.string(),
        commit: z.string(),
        answers: z.array(count).meta({ description: 'By the class of their status, 1xx to 5xx.' }),
        unanswered: count,
        cut: count,
        requests: count.meta({ description: 'In flight now.' }),
        streams: count.meta({ description: 'Open now.' }),
        first_byte: times,
        duration: times,
      }),
    ),
    failures: z
      .array(z.object({ status: z.int(), count }))
      .meta({ description: 'Requests that the proxy answered itself, because the app did not.' }),
  })
  .meta({ id: 'Traffic' });

export const attemptDiff = z
  .object({
    id: z.string(),
    base: z.string().meta({ description: 'The commit that was live then; empty on the first deploy.' }),
    commit: z.string(),
    files: z.array(
      z.object({
        path: z.string(),
        change: z.enum(['added', 'changed', 'removed']),
        added: z.int(),
        removed: z.int(),
        diff: z.string().meta({ description: 'Hunks of a unified diff; empty for what is no text.' }),
        cut: z.literal(true).optional(),
      }),
    ),
    more: z.int().meta({ description: 'How many more files there are.' }),
    withheld: z.string().meta({ description: 'Why the contents are kept back; empty when they are not.' }),
  })
  .meta({ id: 'AttemptDiff' });
export const limitQuery = z.object({ limit: z.coerce.number().int().min(1).max(500).default(50) });

export const eventMessage = z.object({ seq: z.int(), time, type: z.string(), attempts: z.array(attemptView) }).meta({ id: 'EventMessage' });

const why = reason.trim().min(1).meta({ description: 'Why; it lands in the journal.' });

export const freezeBody = z.object({ scope: z.enum(['agent', 'all']).default('agent'), reason: why }).meta({ id: 'FreezeRequest' });
export const thawBody = z.object({ reason: reason.optional() }).meta({ id: 'ThawRequest' });
export const overrideBody = z
  .object({
    commit: commitish,
    code: z.enum(OVERRIDABLE_CODES),
    fingerprint: z.string().min(1).max(128).optional().meta({ description: 'Only this finding; every one of the code when left out.' }),
    reason: why,
  })
  .meta({ id: 'OverrideRequest' });
const person = z.string().trim().min(1).max(200).meta({ description: 'Who decides, for people.' });
const attemptId = z.string().min(1).max(255).meta({ description: 'Id of the attempt that waits.' });
export const approveBody = z.object({ id: attemptId, by: person }).meta({ id: 'ApproveRequest' });
export const denyBody = z.object({ id: attemptId, by: person, reason: reason.optional() }).meta({ id: 'DenyRequest' });
export const decided = z
  .object({ success: z.literal(true), id: z.string(), state: z.enum(['approved', 'denied']) })
  .meta({ id: 'Decided' });
export const reconcileBody = z.object({ dry_run: z.boolean().optional() }).meta({ id: 'ReconcileRequest' });
export const frozen = z.object({ success: z.literal(true), frozen: z.boolean() }).meta({ id: 'Frozen' });
export const overridden = z.object({ success: z.literal(true), commit: z.string() }).meta({ id: 'Overridden' });
export const reconciled = z
  .object({ success: z.literal(true), dry_run: z.boolean(), drift: z.array(driftView) })
  .meta({ id: 'Reconciled' });
export const emptyBody = z.object({}).meta({ id: 'Empty' });
export const pullRequest = z
  .object({ success: z.literal(true), change: z.enum(['opened', 'updated', 'unchanged', 'nothing']), url: z.string() })
  .meta({ id: 'PullRequest' });
