import { OpenAPIHono, z } from '@hono/zod-openapi';
import * as schemas from './schemas.ts';

const json = (schema: z.ZodType, description: string): { content: { 'application/json': { schema: z.ZodType } }; description: string } => ({
  content: { 'application/json': { schema } },
  description,
});

const refused = {
  400: json(schemas.refusal, 'The request was not understood; nothing was begun'),
  403: json(schemas.refusal, 'Not from here'),
  404: json(schemas.refusal, 'No such commit, branch or attempt'),
  409: json(schemas.refusal, 'Not possible now: no previous release, superseded, aborted by a rollback'),
  413: json(schemas.refusal, 'The body is too large'),
  422: json(schemas.refusal, 'The commit was refused or its instance did not prove itself; the live release is untouched'),
  500: json(schemas.refusal, 'The route could not be switched, or a bug'),
  503: json(schemas.refusal, 'The orchestrator is stopping, or was interrupted'),
  507: json(schemas.refusal, 'The journal cannot be written; nothing was begun'),
};

/** The description of the API, generated from the schemas that validate it. */
export function openApiDocument(version: string): object {
  const { openAPIRegistry: registry, getOpenAPI31Document } = new OpenAPIHono();
  const preferAsync = z.object({ prefer: z.enum(['respond-async']).optional() });
  registry.registerPath({
    method: 'get',
    path: '/',
    summary: 'Readiness: 200 once start-up work is done',
    responses: { 200: json(schemas.ready, 'Ready') },
  });
  registry.registerPath({
    method: 'post',
    path: '/deploy',
    summary: 'Deploy a commit or the head of a branch',
    description:
      'Waits until the commit is live or refused, however long its setup takes. With `Prefer: respond-async` it answers 202 at once.',
    request: { headers: preferAsync, body: { required: true, ...json(schemas.deployBody, 'What to deploy') } },
    responses: {
      200: json(z.union([schemas.deploySuccess, schemas.dryRun]), 'Live, or the plan of a dry run'),
      202: json(schemas.accepted, 'Queued'),
      ...refused,
    },
  });
  registry.registerPath({
    method: 'post',
    path: '/rollback',
    summary: 'Make the previous release live again',
    description: 'Ends a deploy that is not promoted yet. A rollback asked for while one is under way shares its outcome.',
    request: { headers: preferAsync, body: { required: false, ...json(schemas.rollbackBody, 'May be empty') } },
    responses: {
      200: json(z.union([schemas.rollbackSuccess, schemas.dryRun]), 'Live, or the plan of a dry run'),
      202: json(schemas.accepted, 'Queued'),
      ...refused,
    },
  });
  registry.registerPath({
    method: 'get',
    path: '/status',
    summary: 'What is live, and how it is',
    responses: { 200: json(schemas.status, 'Status') },
  });
  registry.registerPath({
    method: 'get',
    path: '/deploys',
    summary: 'Attempts, newest first',
    request: { query: schemas.limitQuery },
    responses: { 200: json(schemas.attemptList, 'Attempts'), 400: refused[400] },
  });
  registry.registerPath({
    method: 'get',
    path: '/deploys/{id}',
    summary: 'One attempt with its steps, timings and evidence',
    request: { params: z.object({ id: z.string() }) },
    responses: { 200: json(schemas.attemptView, 'Attempt'), 404: refused[404] },
  });
  registry.registerPath({
    method: 'get',
    path: '/events',
    summary: 'Server-sent events: one per step and state change',
    description: 'Each `id` is a sequence number of the journal. Send the last one seen as `Last-Event-ID` to go on from there.',
    request: { headers: z.object({ 'last-event-id': z.string().optional() }) },
    responses: { 200: { description: 'Events', content: { 'text/event-stream': { schema: z.string() } } } },
  });
  registry.registerPath({
    method: 'get',
    path: '/metrics',
    summary: 'Prometheus text format',
    responses: { 200: { description: 'Metrics', content: { 'text/plain': { schema: z.string() } } } },
  });
  registry.registerPath({
    method: 'get',
    path: '/openapi.json',
    summary: 'This description',
    responses: { 200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: z.looseObject({}) } } } },
  });
  const info = { title: 'Greenroom orchestrator', version, description: 'One orchestrator per app. Reachable from this machine only.' };
  return getOpenAPI31Document({ openapi: '3.1.0', info });
}
