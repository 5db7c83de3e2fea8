import type { z } from 'zod';
import { contractSchema } from './contract.ts';
import { nearestName } from './contract-names.ts';

/** One thing of a contract that is refused. */
export interface ContractProblem {
  /** `health_test_payload.expect.status`; `contract` for the whole file. */
  path: string;
  /** The value as JSON, shortened, with anything that may be a secret hidden; `missing` when there is none. */
  value: string;
  /** What is allowed there, without a full stop. */
  allowed: string;
  /** What to do, as a sentence. */
  hint?: string;
}

export const WHOLE_CONTRACT = 'contract';
const MISSING = 'missing';
const LONGEST_VALUE = 60;
const SECRET_NAME = /secret|token|passw|key|credential|auth|cookie|dsn|webhook/i;
const URL_WITH_PASSWORD = /:\/\/[^/\s@]*:[^/\s@]*@/;

/** "port: 99999 is not allowed; a whole number from 1 to 65535." */
export function formatProblem(problem: ContractProblem): string {
  const subject = problem.path === WHOLE_CONTRACT ? 'The contract' : problem.path;
  const what = problem.value === MISSING ? `${subject} is missing` : `${subject}: ${problem.value} is not allowed`;
  return `${what}; ${problem.allowed}.${problem.hint === undefined ? '' : ` ${problem.hint}`}`;
}

/** What zod refused, as data. The `error` of each part of the schema says what is allowed there. */
export function problemsOf(issues: readonly z.core.$ZodIssue[], input: unknown): ContractProblem[] {
  const problems = issues.map((issue) => {
    const badKey = issue.code === 'invalid_key';
    const path = badKey ? issue.path.slice(0, -1) : issue.path;
    const value = badKey ? issue.path.at(-1) : valueAt(input, path);
    const allowed = (badKey ? issue.issues[0]?.message : undefined) ?? issue.message;
    return problemAt(path, value, allowed, hintFor(issue.path, value, input));
  });
  return withoutRepetitions(problems);
}

export function problemAt(path: readonly PropertyKey[], value: unknown, allowed: string, hint?: string): ContractProblem {
  const problem = { path: path.map(String).join('.') || WHOLE_CONTRACT, value: shown(value, path), allowed };
  return hint === undefined ? problem : { ...problem, hint };
}

/** The member of an object itself, never one of its prototype. */
function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}

function hintFor(path: readonly PropertyKey[], value: unknown, input: unknown): string | undefined {
  const name = path.at(-1);
  if (value === undefined && typeof name === 'string') {
    const parent = valueAt(input, path.slice(0, -1));
    const known = path.length === 1 ? Object.keys(contractSchema.shape) : [];
    const unknown = Object.keys(parent ?? {}).filter((key) => !known.includes(key));
    const meant = nearestName(name, unknown);
    return meant === undefined ? undefined : `There is ${JSON.stringify(meant)}: did you mean ${JSON.stringify(name)}?`;
  }
  if (typeof value === 'string' && /^\d+$/.test(value) && /port|_ms$|_lines$|_mb$|status/.test(String(name)))
    return 'Write it without quotes.';
  if (typeof value === 'string' && value.startsWith('./')) return `Did you mean ${JSON.stringify(value.replace(/^(\.\/)+/, ''))}?`;
  return undefined;
}

function shown(value: unknown, path: readonly PropertyKey[]): string {
  if (value === undefined) return MISSING;
  if (path[0] === 'secrets_inject' && typeof value === 'string' && value.includes('=')) {
    return `${cut(JSON.stringify(value.slice(0, value.indexOf('='))))} with its value (hidden)`;
  }
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0 ? '{}' : 'an object';
  if ((typeof value === 'string' || typeof value === 'number') && mayBeSecret(value, path)) return 'the value (hidden)';
  return cut(JSON.stringify(value));
}

function mayBeSecret(value: string | number, path: readonly PropertyKey[]): boolean {
  const inValues = path.slice(0, -1).some((key) => key === 'env' || key === 'headers');
  if (inValues && typeof value === 'string') return true;
  // The address of a webhook is all it takes to post there.
  if (path[0] === 'alert_targets' && path.at(-1) === 'url') return true;
  return SECRET_NAME.test(String(path.at(-1))) || URL_WITH_PASSWORD.test(String(value).slice(0, LONGEST_VALUE * 10));
}

function cut(json: string): string {
  return json.length <= LONGEST_VALUE ? json : `${json.slice(0, LONGEST_VALUE - 1)}…`;
}

/** Several checks of one field may say the same (not a whole number, and below 1). */
function withoutRepetitions(problems: ContractProblem[]): ContractProblem[] {
  const seen = new Set<string>();
  return problems.filter((problem) => {
    const key = formatProblem(problem);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
