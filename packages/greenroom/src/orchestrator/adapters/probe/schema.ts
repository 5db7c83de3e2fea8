import type { SchemaStatus } from '@greenroom/sdk/wire';
import type { Contract } from '../../core/contract.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { type Asked, parseSchemaStatus, schemaFailure, schemaUnreadable } from '../../core/schema.ts';
import type { Instance, SchemaAnswer, SchemaCheck } from '../../ports.ts';
import { internalDoor, urlOf } from './address.ts';
import { outcome, requestEvidence } from './evidence.ts';
import { lookAtHealth } from './health.ts';

/** An app that answers later than this does not know. Part of the protocol: docs/spec/migrations.md. */
export const SCHEMA_STATUS_TIMEOUT_MS = 5_000;
/** Longer than any honest answer. */
export const MAX_SCHEMA_STATUS_BYTES = 16 * 1024;

/** Asks an instance for its schema status, where the contract names an endpoint for it. Never asks a database. */
export function createSchemaCheck(
  { schema_status_endpoint: path }: Pick<Contract, 'schema_status_endpoint'>,
  limitMs = SCHEMA_STATUS_TIMEOUT_MS,
): SchemaCheck {
  async function read(instance: Instance, timeoutMs: number, signal?: AbortSignal): Promise<SchemaAnswer | null> {
    if (path === undefined) return null;
    const { address, answer } = await lookAtHealth(internalDoor(instance), path, timeoutMs, signal);
    const request = requestEvidence({ method: 'GET', url: urlOf(address, path), expected: 'status 200 and a schema status' }, answer);
    const unreadable = (problem: string): SchemaAnswer => ({ ok: false, problem, request });
    if (!answer.ok) return unreadable(`it did not answer: ${outcome(request)}`);
    if (answer.status === 404) return unreadable('it answered status 404: this release does not have the endpoint');
    if (answer.status !== 200) return unreadable(`it answered ${outcome(request)}, not 200`);
    if (Buffer.byteLength(answer.body) > MAX_SCHEMA_STATUS_BYTES)
      return unreadable(`it answered more than ${MAX_SCHEMA_STATUS_BYTES} bytes`);
    const parsed = parseSchemaStatus(answer.body);
    return parsed.ok ? parsed : unreadable(`it answered ${parsed.problem}`);
  }

  async function check(instance: Instance, asked: Asked, signal: AbortSignal): Promise<Result<SchemaStatus | null>> {
    const answer = await read(instance, limitMs, signal);
    if (answer === null || path === undefined) return ok(null);
    if (!answer.ok) return fail(schemaUnreadable(answer.problem, path, asked, answer.request));
    const failure = schemaFailure(answer.status, asked);
    return failure ? fail(failure) : ok(answer.status);
  }

  return { wanted: path !== undefined, read, check };
}
