import { z } from 'zod';
import type { Contract } from './contract.ts';
import { contractSchema } from './contract.ts';
import { limitNotes } from './contract-limits.ts';
import { nearestName } from './contract-names.ts';
import type { ContractProblem } from './contract-problems.ts';
import { problemAt, problemsOf } from './contract-problems.ts';
import { crossFieldProblems } from './contract-rules.ts';

/** Deeper nesting than anyone writes by hand; beyond it recursive checks could exhaust the stack. */
export const MAX_CONTRACT_DEPTH = 64;

export type ParsedContract = { ok: true; contract: Contract; notes: string[] } | { ok: false; problems: ContractProblem[] };

/**
 * Judges parsed JSON as a contract and fills in the defaults. Reports every problem at once. `notes` are sentences about what is accepted, but
 * without effect or wise: unknown fields, patterns, limits that most programs cannot live with.
 */
export function parseContract(json: unknown): ParsedContract {
  if (deeperThan(json, MAX_CONTRACT_DEPTH)) {
    return { ok: false, problems: [problemAt([], json, `at most ${MAX_CONTRACT_DEPTH} levels of nesting`)] };
  }
  const parsed = contractSchema.safeParse(json);
  const problems = [...problemsOf(parsed.error?.issues ?? [], json), ...(isObject(json) ? crossFieldProblems(json) : [])];
  if (!parsed.success || problems.length > 0) return { ok: false, problems };
  return { ok: true, contract: parsed.data, notes: isObject(json) ? notesOn(json) : [] };
}

function notesOn(json: Record<string, unknown>): string[] {
  return [
    ...unknownFields(json, contractSchema, ''),
    ...limitNotes(json['limits']),
    ...['protected_paths', 'setup_inputs', 'shared_paths'].flatMap((field) => patternNotes(field, json[field])),
  ];
}

function unknownFields(value: unknown, schema: z.ZodType, prefix: string): string[] {
  const object = unwrapped(schema);
  if (!isObject(value) || !(object instanceof z.ZodObject)) return [];
  const shape: Record<string, z.ZodType> = object.shape;
  return Object.entries(value).flatMap(([name, member]) => {
    const known = Object.hasOwn(shape, name) ? shape[name] : undefined;
    return known === undefined ? unknownField(name, Object.keys(shape), prefix) : unknownFields(member, known, `${prefix}${name}.`);
  });
}

function unknownField(name: string, known: string[], prefix: string): string[] {
  // JSON has no comments; these are the usual ways to write one all the same.
  if (name === '//' || name === '$comment') return [];
  const meant = nearestName(name, known);
  const field = `${prefix}${/^[\w$-]{1,60}$/.test(name) ? name : JSON.stringify(name.slice(0, 60))}`;
  return [`${field} is not a field and is ignored${meant === undefined ? '.' : `; did you mean ${prefix}${meant}?`}`];
}

function patternNotes(field: string, paths: unknown): string[] {
  if (!Array.isArray(paths)) return [];
  const patterns = paths.filter((path) => typeof path === 'string' && path.includes('*'));
  return patterns.map((path) => `${field}: ${JSON.stringify(path)} is taken literally; patterns are not supported.`);
}

/** The schema inside `.optional()`, `.default()` and `.prefault()`. */
function unwrapped(schema: z.ZodType): unknown {
  let inner: unknown = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) inner = inner.unwrap();
  return inner;
}

function deeperThan(json: unknown, limit: number): boolean {
  let level: unknown[] = [json];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []));
  }
  return false;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
