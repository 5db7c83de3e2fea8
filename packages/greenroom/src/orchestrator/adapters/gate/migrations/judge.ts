import type { SqlFinding } from '../../../core/gate/sql-findings.ts';
import { readPostgresql } from './postgresql.ts';
import { readSqlite } from './sqlite.ts';

/** Longer than anybody writes by hand; what is generated belongs into no migration. */
export const MAX_SQL_BYTES = 1024 * 1024;

/** How migration tools mark, in one file, what undoes the migration: goose, sql-migrate, dbmate, node-pg-migrate. */
const DOWN = /^--[ \t]*(?:\+goose Down|\+migrate Down|migrate:down|Down Migration)\b.*$/im;

/** What an SQL script does to the code that is live. What no parser understands is a finding too. */
export async function judgeSql(text: string): Promise<SqlFinding[]> {
  if (Buffer.byteLength(text) > MAX_SQL_BYTES) return [opaque(1, `is longer than ${MAX_SQL_BYTES} bytes, and was not read`)];
  const undoing = DOWN.exec(text);
  const up = undoing ? text.slice(0, undoing.index) : text;
  const findings = await readEither(up);
  if (!undoing || text.slice(undoing.index + undoing[0].length).trim() === '') return findings;
  const line = up.split('\n').length;
  return [...findings, { hazard: 'data', line, does: 'has a part that undoes it, which was not judged' }];
}

/** As PostgreSQL reads it, or SQLite: what both understand, they understand alike. */
async function readEither(text: string): Promise<SqlFinding[]> {
  if (withoutComments(text) === '') return [];
  try {
    return await readPostgresql(text);
  } catch (error) {
    const problem = (error as Error).message;
    try {
      return readSqlite(text) ?? [opaque(1, `is neither PostgreSQL (${problem}) nor SQLite, and cannot be judged`)];
    } catch {
      return [opaque(1, `cannot be judged: ${problem}`)];
    }
  }
}

const opaque = (line: number, does: string): SqlFinding => ({ hazard: 'opaque', line, does });

/** Only to tell whether there is anything to read at all. */
function withoutComments(text: string): string {
  return text.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, '').trim();
}
