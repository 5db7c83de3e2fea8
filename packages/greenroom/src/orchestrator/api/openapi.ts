import { z } from 'zod';
import * as schemas from './schemas.ts';

interface Media {
  description: string;
  content: Record<string, { schema: object }>;
}

interface Operation {
  summary: string;
  description?: string;
  parameters?: object[];
  requestBody?: Media & { required: boolean };
  responses: Record<string, Media>;
}

const reference = (id: string): object => ({ $ref: `#/components/schemas/${id}` });
const json = (schema: object, description: string): Media => ({ description, content: { 'application/json': { schema } } });
const text = (type: string, description: string): Media => ({ description, content: { [type]: { schema: { type: 'string' } } } });
const refused = (description: string): Media => json(reference('Refusal'), description);

const REFUSALS: Record<string, Media> = {
  400: refused('The request was not understood; nothing was begun'),
  403: refused('Not from here'),
  404: refused('No such commit or branch'),
  409: refused('Not possible now: no previous release, nothing live, superseded, not approved, or ended by a rollback'),
  413: refused('The body is too large'),
  422: refused('The commit was refused, or its instance did not prove itself; the live release is untouched'),
  429: refused('The agent has asked too often'),
  500: refused('The route could not be switched, or a bug'),
  503: refused('The orchestrator is stopping'),
  507: refused('The journal cannot be written; nothing was begun'),
};

const PREFER: object = {
  name: 'Prefer',
  in: 'header',
  description: '`respond-async`: answer 202 with the id at once.',
  schema: { type: 'string', examples: ['respond-async'] },
};

const TRACEPARENT: object = {
  name: 'traceparent',
  in: 'header',
  description: "The caller's trace (W3C Trace Context), which the attempt's goes on with; one that is not valid is ignored.",
  schema: { type: 'string', examples: ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'] },
};

/** Calls that only the operator's socket serves. */
function operatorCall(summary: string, body: string, answer: string, more: Record<string, Media> = {}): Operation {
  return {
    summary,
    description: 'Served on the operator socket only; 403 elsewhere.',
    requestBody: { required: true, ...json(reference(body), summary) },
    responses: {
      200: json(reference(answer), 'Done'),
      400: refused('The request was not understood; nothing was done'),
      403: refused('Not by this way'),
      ...more,
    },
  };
}

const OPERATIONS: Record<string, Record<string, Operation>> = {
  '/': { get: { summary: 'Readiness: 200 once start-up work is done', responses: { 200: json(reference('Ready'), 'Ready') } } },
  '/deploy': {
    post: {
      summary: 'Deploy a commit or the head of a branch',
      description: 'Waits until the commit is live or refused, however long its setup takes.',
      parameters: [PREFER, TRACEPARENT],
      requestBody: { required: true, ...json(reference('DeployRequest'), 'What to deploy') },
      responses: {
        200: json({ anyOf: [reference('DeploySuccess'), reference('DryRun')] }, 'Live, or the plan of a dry run'),
        202: json(reference('Accepted'), 'Queued'),
        ...REFUSALS,
      },
    },
  },
  '/rollback': {
    post: {
      summary: 'Make the previous release live again',
      description: 'Ends a deploy that is not promoted yet. A rollback asked for while one is under way shares its outcome.',
      parameters: [PREFER, TRACEPARENT],
      requestBody: { required: false, ...json(reference('RollbackRequest'), 'May be empty') },
      responses: {
        200: json({ anyOf: [reference('RollbackSuccess'), reference('DryRun')] }, 'Live, or the plan of a dry run'),
        202: json(reference('Accepted'), 'Queued'),
        ...REFUSALS,
      },
    },
  },
  '/restart': {
    post: {
      summary: 'Serve the live release by a fresh instance, with the secrets as they are now',
      description:
        'Served on the operator socket only; 403 elsewhere. The instance is booted, probed and given the traffic like that of a deploy; the release before the live one stays the way back.',
      parameters: [PREFER, TRACEPARENT],
      requestBody: { required: false, ...json(reference('RestartRequest'), 'May be empty') },
      responses: {
        200: json({ anyOf: [reference('RollbackSuccess'), reference('DryRun')] }, 'Served by the fresh instance, or the plan of a dry run'),
        202: json(reference('Accepted'), 'Queued'),
        ...REFUSALS,
      },
    },
  },
  '/status': { get: { summary: 'What is live, and how it is', responses: { 200: json(reference('Status'), 'Status') } } },
  '/deploys': {
    get: {
      summary: 'Attempts, newest first',
      parameters: [{ name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 500, default: 50 } }],
      responses: { 200: json(reference('AttemptList'), 'Attempts'), 400: refused('The limit is not allowed') },
    },
  },
  '/deploys/{id}': {
    get: {
      summary: 'One attempt with its steps, timings and evidence',
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
      responses: { 200: json(reference('Attempt'), 'Attempt'), 404: refused('No such attempt') },
    },
  },
  '/deploys/{id}/diff': {
    get: {
      summary: 'What the commit of an attempt has that the release before it had not',
      description: 'Served on the operator socket only; 403 elsewhere. Long diffs are cut.',
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
      responses: {
        200: json(reference('AttemptDiff'), 'Files and their changes'),
        403: refused('Not by this way'),
        404: refused('No such attempt, or its commits are gone'),
      },
    },
  },
  '/logs': {
    get: {
      summary: "Last lines of an instance's own output",
      parameters: [
        { name: 'lines', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 1_000, default: 100 } },
        { name: 'instance', in: 'query', description: '`live`, or the id of an instance.', schema: { type: 'string', default: 'live' } },
      ],
      responses: {
        200: json(reference('InstanceLogs'), 'Lines'),
        400: refused('The number of lines is not allowed'),
        404: refused('Nothing is live, or no such instance'),
      },
    },
  },
  '/logs/stream': {
    get: {
      summary: "Server-sent events: an instance's output as it comes",
      description:
        'The event `instance` (a `LogOwner`) names whose output follows, `lines` (an array of strings) is what it wrote: first its last lines, then each as it comes. With `live` it goes on with the next live instance after a swap; for an instance that was named, `end` follows its last line.',
      parameters: [
        { name: 'lines', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 1_000, default: 100 } },
        { name: 'instance', in: 'query', description: '`live`, or the id of an instance.', schema: { type: 'string', default: 'live' } },
      ],
      responses: { 200: text('text/event-stream', 'Events'), 400: refused('The number of lines is not allowed') },
    },
  },
  '/freeze': { post: operatorCall('Stop deploys of the agent, or all, until they are thawed', 'FreezeRequest', 'Frozen') },
  '/thaw': { post: operatorCall('Let deploys go on', 'ThawRequest', 'Frozen') },
  '/approve': {
    post: operatorCall('Let a deploy that waits for approval go live', 'ApproveRequest', 'Decided', {
      409: refused('It does not wait for approval'),
    }),
  },
  '/deny': {
    post: operatorCall('End a deploy that waits for approval', 'DenyRequest', 'Decided', { 409: refused('It does not wait for approval') }),
  },
  '/override': {
    post: operatorCall('Let one refusal of one commit pass', 'OverrideRequest', 'Overridden', { 404: refused('No such commit') }),
  },
  '/reconcile': { post: operatorCall('Look for drift now, and act on it', 'ReconcileRequest', 'Reconciled') },
  '/pull-request': {
    post: operatorCall('Open or update the pull request of the agent’s work', 'Empty', 'PullRequest', {
      502: refused('GitHub is not configured, or said no'),
    }),
  },
  '/events': {
    get: {
      summary: 'Server-sent events: one per step and state change',
      description: 'Each `id` is a sequence number of the journal, each `data` an `EventMessage`.',
      parameters: [{ name: 'Last-Event-ID', in: 'header', description: 'Go on after this event.', schema: { type: 'string' } }],
      responses: { 200: text('text/event-stream', 'Events') },
    },
  },
  '/traffic': {
    get: {
      summary: 'What passed through the proxy, by instance: counters that grow until the proxy is started again',
      responses: { 200: json(reference('Traffic'), 'Counters') },
    },
  },
  '/metrics': { get: { summary: 'Prometheus text format', responses: { 200: text('text/plain', 'Metrics') } } },
  '/openapi.json': { get: { summary: 'This description', responses: { 200: json({ type: 'object' }, 'OpenAPI 3.1') } } },
};

/** The description of the API: OpenAPI 3.1 whose schemas are generated from those that validate requests. */
export function openApiDocument(version: string): object {
  const registry = z.registry<{ id: string }>();
  for (const schema of Object.values(schemas)) {
    const { id } = schema.meta() ?? {};
    if (id !== undefined) registry.add(schema, { id });
  }
  const { schemas: components } = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}`, io: 'input' });
  // The place in this document is the identity; the keywords of free-standing schemas would say otherwise.
  for (const component of Object.values(components)) {
    delete (component as { $schema?: string }).$schema;
    delete (component as { $id?: string }).$id;
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Greenroom orchestrator', version, description: 'One orchestrator per app. Reachable from this machine only.' },
    paths: OPERATIONS,
    components: { schemas: components },
  };
}
