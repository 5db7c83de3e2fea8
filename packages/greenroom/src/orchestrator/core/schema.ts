/**
 * Whether code can work with a database as it is. Code can be rolled back in a second, a schema cannot: so an answer that is missing, malformed
 * or contradicts itself counts against the code. docs/spec/migrations.md is the normative text.
 */
import type { AttemptKind, Failure, RequestEvidence, SchemaReleaseView, SchemaStatus, SchemaView } from '@greenroom/sdk/wire';
import type { State } from './state.ts';

/** Whose schema status it is, and what it was asked for. */
export interface Asked {
  commit: string;
  kind: AttemptKind;
}

const VERSION_FIELDS = ['current_schema_version', 'code_min_schema_version', 'code_max_schema_version', 'pending_migrations'] as const;

/** Reads the body of a schema status. `problem` is a clause that goes on after "it answered ". */
export function parseSchemaStatus(body: string): { ok: true; status: SchemaStatus } | { ok: false; problem: string } {
  const bad = (problem: string): { ok: false; problem: string } => ({ ok: false, problem });
  const json = parseJson(body);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return bad('what is no JSON object');
  const fields = json as Record<string, unknown>;
  for (const name of VERSION_FIELDS) {
    const value = fields[name];
    if (value === undefined) return bad(`without ${name}`);
    if (!isVersion(value)) return bad(`${name} as ${shown(value)}, which is no whole number from 0 to ${Number.MAX_SAFE_INTEGER}`);
  }
  if (typeof fields['compatible'] !== 'boolean')
    return bad(`compatible as ${shown(fields['compatible'])}, which is neither true nor false`);
  const { current_schema_version, code_min_schema_version, code_max_schema_version, pending_migrations, compatible } =
    fields as unknown as SchemaStatus;
  const status = { current_schema_version, code_min_schema_version, code_max_schema_version, pending_migrations, compatible };
  const contradiction = contradictionIn(status);
  return contradiction === '' ? { ok: true, status } : bad(contradiction);
}

/** What cannot all be true; empty when it can. */
function contradictionIn(status: SchemaStatus): string {
  const { code_min_schema_version: min, code_max_schema_version: max, current_schema_version: current, compatible } = status;
  if (min > max) return `that its code needs at least version ${min} and at most version ${max}, which no database can be at`;
  if (compatible && !inRange(status))
    return `compatible: true although the database is at version ${current} and its code supports ${range(status)}`;
  return '';
}

export function inRange({ current_schema_version: current, ...its }: SchemaStatus): boolean {
  return current >= its.code_min_schema_version && current <= its.code_max_schema_version;
}

/** The stricter of the app's verdict and the numbers. Null when neither objects. */
export function schemaFailure(status: SchemaStatus, { commit, kind }: Asked): Failure | null {
  const {
    current_schema_version: current,
    code_min_schema_version: min,
    code_max_schema_version: max,
    pending_migrations: pending,
  } = status;
  const about = `The database is at schema version ${current}, and ${short(commit)} supports ${range(status)}`;
  const again = kind === 'rollback' ? 'greenroom rollback' : `greenroom deploy ${short(commit)}`;
  const incompatible = (error: string, remedy: string): Failure => ({ code: 'schema_incompatible', error, evidence: { remedy } });
  if (current < min && pending === 0)
    return incompatible(
      `${about}, so it needs a newer schema; yet it says that no migration is pending.`,
      `The commit lacks the migration to version ${min}, or its code_min_schema_version is wrong. Commit the migration, have the app apply it, then: ${again}`,
    );
  if (current < min)
    return incompatible(
      `${about}, so it needs a newer schema.`,
      `Apply the migrations up to version ${min} first, while the live release still works with them (${pending} pending; docs/guides/migrations.md), then: ${again}`,
    );
  if (current > max)
    return incompatible(
      `${about}, so the schema has moved past it.`,
      kind === 'rollback'
        ? `Go forward instead: deploy a commit that supports version ${current}. Or take the schema back to version ${max} at most, and then: ${again}`
        : `Deploy a commit that supports version ${current}, or raise code_max_schema_version of this one when its code works with it.`,
    );
  if (status.compatible) return null;
  return incompatible(
    `${about}, but the app says itself that it is not compatible (compatible: false).`,
    `Ask the app why ("greenroom logs"): it knows more than the numbers. When it is mended: ${again}`,
  );
}

/** No answer that could be relied on: `problem` is a clause such as "it did not answer within 5000 ms". */
export function schemaUnreadable(problem: string, path: string, { commit, kind }: Asked, request?: RequestEvidence): Failure {
  const again = kind === 'rollback' ? 'greenroom rollback' : `greenroom deploy ${short(commit)}`;
  return {
    code: 'schema_incompatible',
    error: `Whether ${short(commit)} works with the database as it is cannot be told: asked for ${path}, ${problem}.`,
    evidence: {
      ...(request ? { request } : {}),
      remedy: `docs/spec/migrations.md says what ${path} (schema_status_endpoint) has to answer. Then: ${again}`,
    },
  };
}

/** What is shown of the schema. `now` is what the live instance has just said: its status, or why it is not known. */
export function schemaView({ live, previous }: State, now: SchemaStatus | null, problem: string): SchemaView {
  const releases: SchemaReleaseView[] = [];
  if (live) releases.push(releaseView({ ...live, role: 'live', schema: now ?? live.schema }, now));
  if (live && previous) releases.push(releaseView({ ...previous, role: 'previous' }, now));
  return { now, problem, releases };
}

type Shown = Pick<SchemaReleaseView, 'commit' | 'slot' | 'role'> & { schema?: SchemaStatus | undefined };

function releaseView({ commit, slot, role, schema }: Shown, now: SchemaStatus | null): SchemaReleaseView {
  const ranges = {
    code_min_schema_version: schema?.code_min_schema_version ?? null,
    code_max_schema_version: schema?.code_max_schema_version ?? null,
  };
  const said = (fits: SchemaReleaseView['fits'], why: string): SchemaReleaseView => ({ commit, slot, role, ...ranges, fits, why });
  if (!schema) return said('unknown', `${short(commit)} was promoted before its schema status was asked for.`);
  if (!now) return said('unknown', 'The live instance does not say which version the database is at.');
  const { current_schema_version } = now;
  if (!inRange({ ...schema, current_schema_version }))
    return said('no', `The database is at version ${current_schema_version}, and ${short(commit)} supports ${range(schema)}.`);
  if (role === 'live' && !now.compatible) return said('no', `${short(commit)} says itself that it is not compatible.`);
  return said('yes', '');
}

/** "3", "3 to 5". */
export function range({ code_min_schema_version: min, code_max_schema_version: max }: SchemaStatus): string {
  return min === max ? `version ${min} only` : `versions ${min} to ${max}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isVersion(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 60);
}

const short = (commit: string): string => commit.slice(0, 10);
