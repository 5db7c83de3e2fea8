import type { SqlFinding } from '../../../core/gate/sql-findings.ts';
import { readPostgresql } from './postgresql.ts';
import { readSqlite } from './sqlite.ts';

/** Longer than anybody writes by hand; what is generated belongs into no migration. */
export const MAX_SQL_BYTES = 1024 * 1024;

/** How migration tools mark, in one file, what a migration does and what undoes it: goose, sql-migrate, dbmate, node-pg-migrate. */
const MARKS = [
  [/^--[ \t]*\+goose Up\b.*$/im, /^--[ \t]*\+goose Down\b.*$/im],
  [/^--[ \t]*\+migrate Up\b.*$/im, /^--[ \t]*\+migrate Down\b.*$/im],
  [/^--[ \t]*migrate:up\b.*$/im, /^--[ \t]*migrate:down\b.*$/im],
  [/^--[ \t]*Up Migration\b.*$/im, /^--[ \t]*Down Migration\b.*$/im],
] as const;

/** What an SQL script does to the code that is live. What no parser understands is a finding too. */
export async function judgeSql(text: string): Promise<SqlFinding[]> {
  if (Buffer.byteLength(text) > MAX_SQL_BYTES) return [opaque(1, `is longer than ${MAX_SQL_BYTES} bytes, and was not read`)];
  const undoing = undoingPart(text);
  const up = undoing ? text.slice(0, undoing.index) : text;
  const findings = await readEither(up);
  if (!undoing || text.slice(undoing.index + undoing[0].length).trim() === '') return findings;
  const line = up.split('\n').length;
  return [...findings, { hazard: 'data', line, does: 'has a part that undoes it, which was not judged' }];
}

/** Where what undoes it begins: after what it does, each marked the way of the same tool. Without both marks a tool runs the whole file. */
function undoingPart(text: string): RegExpExecArray | null {
  for (const [does, undoes] of MARKS) {
    const [up, down] = [does.exec(text), undoes.exec(text)];
    if (up && down && up.index < down.index) return does.test(text.slice(down.index)) ? null : down;
  }
  return null;
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
