/** What a migration's statements mean for the code that is live while they are applied. */
import type { Failure } from '@greenroom/sdk/wire';

/**
 * - `drop`, `rename`, `type`, `not_null`: the code that is live breaks, or the one before it
 * - `data`: deletes what nobody brings back
 * - `opaque`: what it does cannot be told
 */
export const SQL_HAZARDS = ['drop', 'rename', 'type', 'not_null', 'data', 'opaque'] as const;
export type SqlHazard = (typeof SQL_HAZARDS)[number];

export interface SqlFinding {
  hazard: SqlHazard;
  /** Counted from 1. */
  line: number;
  /** A clause that goes on after "it": "drops the column people.name". */
  does: string;
}

/** A finding at its place in the commit. */
export interface PlacedFinding extends SqlFinding {
  path: string;
}

const WAYS: Record<SqlHazard, string> = {
  drop: 'First deploy code that no longer uses it; drop it a release later, when nobody would go back.',
  rename: 'Add the new one beside the old one, write both, copy what is there, read the new one, and drop the old one a release later.',
  type: 'Add a column of the new type beside it, write both, copy what is there, read the new one, and drop the old one a release later.',
  not_null: 'Add it empty or with a default, have the code write it always, fill up what is there, and add the constraint a release later.',
  data: '',
  opaque: 'Write it as plain statements of PostgreSQL or SQLite, so that it can be judged.',
};

/** Whether the code that is live could break; the others are only pointed out. */
export const isDestructive = ({ hazard }: SqlFinding): boolean => hazard !== 'data';

export function destructiveMigration(findings: readonly PlacedFinding[], candidate: string): Failure | undefined {
  const refused = findings.filter(isDestructive);
  const [first] = refused;
  if (!first) return undefined;
  const more =
    refused.length > 1
      ? ` There ${refused.length === 2 ? 'is 1 more' : `are ${refused.length - 1} more`}: ${listed(refused.slice(1))}.`
      : '';
  return {
    code: 'gate_destructive_migration',
    error: `The new migration "${first.path}" ${first.does} (line ${first.line}), while the release before it still serves.${more}`,
    evidence: {
      rule: first.hazard === 'opaque' ? 'unreadable_migration' : `destructive_migration: ${first.hazard}`,
      file: first.path,
      line: first.line,
      remedy: `${WAYS[first.hazard]} docs/guides/migrations.md has the steps. When no code needs it any more, the operator lets it pass: greenroom override ${candidate.slice(0, 10)} --code gate_destructive_migration --reason "…"`,
    },
  };
}

const SHOWN_FINDINGS = 5;

/** "0005_x.sql line 3 drops the table people; …" */
export function listed(findings: readonly PlacedFinding[]): string {
  const shown = findings
    .slice(0, SHOWN_FINDINGS)
    .map(({ path, line, does }) => `${path.slice(path.lastIndexOf('/') + 1)} line ${line} ${does}`);
  const more = findings.length > SHOWN_FINDINGS ? ` and ${findings.length - SHOWN_FINDINGS} more` : '';
  return `${shown.join('; ')}${more}`;
}
