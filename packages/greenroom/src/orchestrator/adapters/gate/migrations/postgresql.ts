import type { ColumnDef, Node, RangeVar, RawStmt } from '@pgsql/types';
import { parse } from 'libpg-query';
import type { SqlFinding, SqlHazard } from '../../../core/gate/sql-findings.ts';
import { createdNames, type Names } from './created.ts';
import { lineAt } from './line.ts';

/** Reads a script as PostgreSQL does. Throws what its parser throws. */
export async function readPostgresql(text: string): Promise<SqlFinding[]> {
  const bytes = Buffer.from(text);
  const { stmts = [] } = (await parse(text)) as { stmts?: RawStmt[] };
  const created = createdNames();
  return stmts.flatMap(({ stmt, stmt_location: at = 0 }) => {
    const line = lineAt(bytes, at);
    return stmt ? hazardsOf(stmt, created).map(([hazard, does]): SqlFinding => ({ hazard, line, does })) : [];
  });
}

type Hazard = [hazard: SqlHazard, does: string];

/** What may go, because nothing but speed or other rows depend on it. */
const HARMLESS_TO_LOSE = [
  'OBJECT_INDEX',
  'OBJECT_TRIGGER',
  'OBJECT_POLICY',
  'OBJECT_RULE',
  'OBJECT_STATISTIC_EXT',
  'OBJECT_TABCONSTRAINT',
  'OBJECT_EVENT_TRIGGER',
  'OBJECT_PUBLICATION',
  'OBJECT_SUBSCRIPTION',
];

function hazardsOf(node: Node, created: Names): Hazard[] {
  if ('CreateStmt' in node) return created.add(nameOf(node.CreateStmt.relation), node.CreateStmt.if_not_exists);
  if ('CreateTableAsStmt' in node) return created.add(nameOf(node.CreateTableAsStmt.into?.rel), node.CreateTableAsStmt.if_not_exists);
  if ('DropStmt' in node) {
    const { removeType = '', objects = [] } = node.DropStmt;
    if (HARMLESS_TO_LOSE.includes(removeType)) return [];
    const names = objects.map(objectName).filter((it) => !created.has(it));
    return names.length === 0 ? [] : [['drop', `drops the ${kindOf(removeType)} ${names.join(', ')}`]];
  }
  if ('DropOwnedStmt' in node) return [['drop', 'drops what a role owns']];
  if ('DropdbStmt' in node) return [['drop', `drops the database ${node.DropdbStmt.dbname}`]];
  if ('RenameStmt' in node) {
    const { renameType = '', relation, subname, newname = '' } = node.RenameStmt;
    if (HARMLESS_TO_LOSE.includes(renameType) || created.has(nameOf(relation))) return [];
    const old = subname === undefined ? nameOf(relation) : `${nameOf(relation)}.${subname}`;
    return [['rename', `renames the ${kindOf(renameType)} ${old} to ${newname}`.replaceAll('  ', ' ')]];
  }
  if ('AlterObjectSchemaStmt' in node) {
    const { relation, objectType = '', newschema } = node.AlterObjectSchemaStmt;
    return [['rename', `moves the ${kindOf(objectType)} ${nameOf(relation)} to the schema ${newschema}`.replaceAll('  ', ' ')]];
  }
  if ('AlterEnumStmt' in node && node.AlterEnumStmt.oldVal !== undefined)
    return [['rename', `renames the value ${node.AlterEnumStmt.oldVal} of a type`]];
  if ('AlterTableStmt' in node) {
    const table = nameOf(node.AlterTableStmt.relation);
    return created.has(table) ? [] : (node.AlterTableStmt.cmds ?? []).flatMap((command) => alterations(command, table));
  }
  if ('AlterDomainStmt' in node && node.AlterDomainStmt.subtype === 'O') return [['not_null', 'takes NULL out of a domain']];
  if ('TruncateStmt' in node) return [['data', `empties ${(node.TruncateStmt.relations ?? []).map(objectName).join(', ')}`]];
  if ('DeleteStmt' in node && !node.DeleteStmt.whereClause) return [['data', `deletes every row of ${nameOf(node.DeleteStmt.relation)}`]];
  if ('DoStmt' in node) return [['opaque', 'runs a DO block, which cannot be judged']];
  return [];
}

function alterations(node: Node, table: string): Hazard[] {
  if (!('AlterTableCmd' in node)) return [];
  const { subtype, name = '', def } = node.AlterTableCmd;
  if (subtype === 'AT_DropColumn') return [['drop', `drops the column ${table}.${name}`]];
  if (subtype === 'AT_AlterColumnType') return [['type', `changes the type of the column ${table}.${name}`]];
  if (subtype === 'AT_SetNotNull') return [['not_null', `takes NULL out of the column ${table}.${name}`]];
  if (subtype !== 'AT_AddColumn' || !def || !('ColumnDef' in def) || !needsValue(def.ColumnDef)) return [];
  return [['not_null', `adds the column ${table}.${def.ColumnDef.colname} as NOT NULL without a default`]];
}

const SERIALS = ['serial', 'bigserial', 'smallserial', 'serial2', 'serial4', 'serial8'];
const FILLS_ITSELF = ['CONSTR_DEFAULT', 'CONSTR_IDENTITY', 'CONSTR_GENERATED'];

function needsValue({ constraints = [], typeName }: ColumnDef): boolean {
  const kinds = constraints.map((it) => ('Constraint' in it ? (it.Constraint.contype ?? '') : ''));
  const type = typeName?.names?.at(-1);
  const serial = type !== undefined && 'String' in type && SERIALS.includes(type.String.sval ?? '');
  const required = kinds.includes('CONSTR_NOTNULL') || kinds.includes('CONSTR_PRIMARY');
  return required && !serial && !kinds.some((it) => FILLS_ITSELF.includes(it));
}

/** "OBJECT_FOREIGN_TABLE" as "foreign table". */
function kindOf(type: string): string {
  return type.replace('OBJECT_', '').replace('MATVIEW', 'materialized_view').replaceAll('_', ' ').toLowerCase();
}

function nameOf(relation: RangeVar | undefined): string {
  return relation ? [relation.schemaname, relation.relname].filter((it) => it !== undefined).join('.') : '';
}

function objectName(node: Node): string {
  if ('String' in node) return node.String.sval ?? '';
  if ('RangeVar' in node) return nameOf(node.RangeVar);
  if ('TypeName' in node) return (node.TypeName.names ?? []).map(objectName).join('.');
  if ('ObjectWithArgs' in node) return (node.ObjectWithArgs.objname ?? []).map(objectName).join('.');
  return 'List' in node ? (node.List.items ?? []).map(objectName).join('.') : '';
}
