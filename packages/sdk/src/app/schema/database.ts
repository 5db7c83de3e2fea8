export type Dialect = 'postgres' | 'sqlite';
export type Row = Record<string, unknown>;

/** Runs one statement and answers its rows: as a list, or as `pg` does as `{ rows }`. */
export type Query = (sql: string) => Promise<Row[] | { rows: Row[] }>;

/** How a reader asks the database. */
export interface Reading {
  query: Query;
  dialect: Dialect;
}

/** All rows of some columns of a table; none when the table does not exist yet. */
export async function readTable({ query, dialect }: Reading, table: string, columns: string[]): Promise<Row[]> {
  const name = text(dialect === 'postgres' ? quoteTable(table) : table);
  const exists =
    dialect === 'postgres'
      ? `SELECT 1 AS found WHERE to_regclass(${name}) IS NOT NULL`
      : `SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = ${name}`;
  if (rowsOf(await query(exists)).length === 0) return [];
  return rowsOf(await query(`SELECT ${columns.map(quote).join(', ')} FROM ${quoteTable(table)}`));
}

export function rowsOf(answer: Row[] | { rows: Row[] }): Row[] {
  const rows = Array.isArray(answer) ? answer : answer?.rows;
  if (Array.isArray(rows)) return rows;
  throw new TypeError('query must answer a list of rows, or { rows }, each row an object by column name.');
}

/** A table's name for SQL; `schema.table` is a table in a schema. */
export function quoteTable(table: string): string {
  return table.split('.').map(quote).join('.');
}

/** A value for SQL. */
export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
