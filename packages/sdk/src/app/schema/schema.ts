import type { SchemaStatus } from '../schema-status.ts';

export interface SchemaState {
  status: SchemaStatus;
  /** Names of the migrations that this code has and the database has not, in the order in which they are applied. */
  pending: string[];
  /** Why it is not compatible although the numbers would allow it, as a sentence; null when there is no such reason. */
  problem: string | null;
}

/** Where the app's schema status comes from: one of the readers, or the app's own. */
export interface Schema {
  /** Reads the folder and the database. Rejects when either cannot be read. */
  state(): Promise<SchemaState>;
}

/** A version, or the name of the migration that leads to it. */
export type Version = number | string;

/** With which versions this code works. */
export interface CodeRange {
  /** The oldest: the last migration that the code cannot do without. 0 when it also works with an empty database. */
  min: Version;
  /** The newest; without, the last migration that the code brings. */
  max?: Version;
}

/** A migration and the version that the database is at after it. */
export interface Migration {
  name: string;
  version: number;
}

export interface History {
  /** What this code brings, in order. */
  known: Migration[];
  /** What the database has, in any order. */
  applied: Migration[];
  /** What the tool itself says is wrong. */
  problem?: string | null;
}

/**
 * Compares what the code brings with what the database has. Not compatible is what is out of range, and also a history that the numbers alone would
 * not show: the database has a migration that this code lacks while another one is pending, or one is pending before one that has been applied.
 */
export function stateOf({ known, applied, problem = null }: History, range: CodeRange): SchemaState {
  const has = new Set(applied.map(({ name }) => name));
  const brings = new Set(known.map(({ name }) => name));
  const pending = known.filter(({ name }) => !has.has(name));
  const last = known.findLast(({ name }) => has.has(name));
  const [first] = pending;
  const foreign = applied.find(({ name }) => !brings.has(name));
  const found =
    problem ??
    (first && foreign
      ? `The database has the migration ${foreign.name}, which this code does not have, and lacks ${first.name}, which it has: merge the branches.`
      : first && last && first.version < last.version
        ? `The migration ${first.name} is pending although ${last.name}, which comes after it, has been applied: give it a name that comes last.`
        : null);
  const current = applied.reduce((highest, { version }) => Math.max(highest, version), 0);
  const min = versionOf('min', range.min, known);
  const max = versionOf('max', range.max ?? known.at(-1)?.version ?? 0, known);
  if (min > max)
    throw new Error(`min is version ${min} and max is version ${max}: no database can be at both. Correct what the app gives as min.`);
  return {
    status: {
      current_schema_version: current,
      code_min_schema_version: min,
      code_max_schema_version: max,
      pending_migrations: pending.length,
      compatible: found === null && min <= current && current <= max,
    },
    pending: pending.map(({ name }) => name),
    problem: found,
  };
}

/** Migrations of a tool that names them: the version is how many there are so far. */
export function counted(names: string[]): Migration[] {
  return names.map((name, index) => ({ name, version: index + 1 }));
}

function versionOf(field: 'min' | 'max', version: Version, known: Migration[]): number {
  if (typeof version === 'string') {
    const named = known.find(({ name }) => name === version);
    if (named) return named.version;
    const names = known.map(({ name }) => name).join(', ') || 'none';
    throw new Error(`${field} names the migration ${JSON.stringify(version)}, which the folder does not have. It has: ${names}.`);
  }
  if (Number.isSafeInteger(version) && version >= 0) return version;
  throw new Error(`${field} is ${version}: a version is a whole number from 0 to ${Number.MAX_SAFE_INTEGER}.`);
}
