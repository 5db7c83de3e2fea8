import type { RequestEvidence } from '@greenroom/sdk/wire';
import type { Contract } from '../../core/contract.ts';
import { type Address, urlOf } from './address.ts';
import { requestEvidence } from './evidence.ts';
import { askApp, type ProbeAnswer } from './request.ts';

export type DeepCheck = NonNullable<Contract['health_test_payload']>;

/** Sends the contract's representative request. Answers the evidence when the answer is not the expected one. */
export async function deepCheck(
  check: DeepCheck,
  address: Address,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ ok: true; status: number } | { ok: false; evidence: RequestEvidence; problem: string }> {
  const { method, path } = check;
  const { headers, body } = withBody(check);
  const answer = await askApp({ address, method, path, headers, timeoutMs, signal, ...(body === undefined ? {} : { body }) });
  const problem = mismatch(check.expect, answer);
  if (answer.ok && problem === '') return { ok: true, status: answer.status };
  const evidence = requestEvidence({ method, url: urlOf(address, path), expected: describeExpectation(check.expect) }, answer);
  return { ok: false, evidence, problem };
}

/** A string is sent as it is, anything else as JSON. The operator's own headers win, whatever their case. */
function withBody({ body, headers }: DeepCheck): { headers: Record<string, string>; body?: string } {
  if (body === undefined) return { headers };
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const given = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const added: Record<string, string> = {};
  if (!given.has('content-length') && !given.has('transfer-encoding')) added['content-length'] = String(Buffer.byteLength(text));
  if (!given.has('content-type')) added['content-type'] = typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json';
  return { headers: { ...added, ...headers }, body: text };
}

/** What is wrong with the answer, as a clause; empty when nothing is. */
function mismatch({ status, body, json }: DeepCheck['expect'], answer: ProbeAnswer): string {
  if (!answer.ok) return answer.error;
  const statusHolds = status === undefined ? answer.status >= 200 && answer.status < 300 : [status].flat().includes(answer.status);
  if (!statusHolds) return `status ${answer.status} instead of ${describeStatus(status)}`;
  if (body !== undefined && !answer.body.includes(body)) return `the body does not contain ${JSON.stringify(body)}`;
  return json === undefined ? '' : jsonMismatch(json, answer.body);
}

function jsonMismatch(expected: unknown, text: string): string {
  try {
    return difference(expected, JSON.parse(text), '');
  } catch (error) {
    if (error instanceof SyntaxError) return 'the body is not JSON';
    throw error;
  }
}

/** The first place where `actual` lacks what is expected: objects may have more fields, lists are compared whole. */
function difference(expected: unknown, actual: unknown, place: string): string {
  const named = place === '' ? 'the body' : `field ${place}`;
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return `${named} is not a list`;
    if (actual.length !== expected.length) return `${named} has ${actual.length} entries instead of ${expected.length}`;
    return first(expected.map((value, index) => difference(value, actual[index], `${place}[${index}]`)));
  }
  if (isObject(expected)) {
    if (!isObject(actual)) return `${named} is not an object`;
    return first(
      Object.entries(expected).map(([name, value]) => {
        const inner = place === '' ? name : `${place}.${name}`;
        return Object.hasOwn(actual, name) ? difference(value, actual[name], inner) : `field ${inner} is missing`;
      }),
    );
  }
  return expected === actual ? '' : `${named} is ${shown(actual)} instead of ${shown(expected)}`;
}

const first = (problems: string[]): string => problems.find((problem) => problem !== '') ?? '';
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const shown = (value: unknown): string => (JSON.stringify(value) ?? 'undefined').slice(0, 120);

function describeStatus(status: number | number[] | undefined): string {
  return status === undefined ? '2xx' : [status].flat().join(' or ');
}

function describeExpectation({ status, body, json }: DeepCheck['expect']): string {
  const parts = [`status ${describeStatus(status)}`];
  if (body !== undefined) parts.push(`a body that contains ${JSON.stringify(body)}`);
  if (json !== undefined) parts.push(`JSON with ${JSON.stringify(json)}`);
  return parts.join(', ');
}
