import { type AlterTableBody, parse, type QualifiedName, type Stmt } from 'sqlite3-parser';
import type { SqlFinding, SqlHazard } from '../../../core/gate/sql-findings.ts';
import { createdNames, type Names } from './created.ts';

/** Reads a script as SQLite does. Null when it does not understand it. */
export function readSqlite(text: string): SqlFinding[] | null {
  const parsed = parse(text);
  if (parsed.status !== 'ok') return null;
  const created = createdNames();
  return parsed.root.cmds.flatMap((statement) =>
    hazardsOf(statement as Stmt, created).map(([hazard, does]): SqlFinding => ({ hazard, line: statement.span.line, does })),
  );
}

type Hazard = [hazard: SqlHazard, does: string];

function hazardsOf(statement: Stmt, created: Names): Hazard[] {
  switch (statement.type) {
    case 'CreateTableStmt':
      return created.add(nameOf(statement.tblName), statement.ifNotExists);
    case 'DropTableStmt':
      return created.take(nameOf(statement.tblName)) ? [] : [['drop', `drops the table ${nameOf(statement.tblName)}`]];
    case 'CreateViewStmt':
      return created.add(nameOf(statement.viewName), statement.ifNotExists);
    case 'RollbackStmt':
      return created.clear();
    case 'DropViewStmt':
      return created.take(nameOf(statement.viewName)) ? [] : [['drop', `drops the view ${nameOf(statement.viewName)}`]];
    case 'AlterTableStmt': {
      const table = nameOf(statement.tblName);
      return created.has(table) ? [] : alterations(statement.body, table);
    }
    case 'DeleteStmt':
      return statement.whereClause ? [] : [['data', `deletes every row of ${nameOf(statement.tblName)}`]];
    case 'PragmaStmt':
      return nameOf(statement.name).toLowerCase().endsWith('writable_schema')
        ? [['opaque', 'makes the schema itself writable, which cannot be judged']]
        : [];
    case 'AttachStmt':
      return [['opaque', 'attaches another database, which cannot be judged']];
    default:
      return [];
  }
}

function alterations(body: AlterTableBody, table: string): Hazard[] {
  switch (body.type) {
    case 'RenameToAlterTableBody':
      return [['rename', `renames the table ${table} to ${body.name.text}`]];
    case 'RenameColumnAlterTableBody':
      return [['rename', `renames the column ${table}.${body.old.text} to ${body.new.text}`]];
    case 'DropColumnAlterTableBody':
      return [['drop', `drops the column ${table}.${body.column.text}`]];
    case 'SetColumnNotNullAlterTableBody':
      return [['not_null', `takes NULL out of the column ${table}.${body.column.text}`]];
    case 'AddColumnAlterTableBody': {
      const kinds = body.column.constraints.map((it) => it.constraint);
      const required = kinds.some((it) => it.type === 'NotNullColumnConstraint' && !it.nullable);
      const filled = kinds.some(
        (it) => it.type === 'GeneratedColumnConstraint' || (it.type === 'DefaultColumnConstraint' && it.expr.type !== 'NullLiteral'),
      );
      return required && !filled
        ? [['not_null', `adds the column ${table}.${body.column.colName.text} as NOT NULL without a default`]]
        : [];
    }
    default:
      return [];
  }
}

function nameOf({ dbName, objName }: QualifiedName): string {
  return dbName ? `${dbName.text}.${objName.text}` : objName.text;
}
