import type { CreateFunctionStmt, Node, RawStmt } from '@pgsql/types';
import { parse } from 'libpg-query';
import type { SqlFinding } from '../../../core/gate/sql-findings.ts';
import { createdNames, type Names } from './created.ts';
import { lineAt } from './line.ts';
import { nameOf, objectName } from './postgresql-names.ts';
import { alterations, type Hazard } from './postgresql-table.ts';

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
  const made = madeBy(node);
  if (made) return created.add(made.name, made.perhaps);
  if ('DropStmt' in node) {
    const { removeType = '', objects = [] } = node.DropStmt;
    if (HARMLESS_TO_LOSE.includes(removeType)) return [];
    const isRoutine = ['OBJECT_FUNCTION', 'OBJECT_PROCEDURE', 'OBJECT_ROUTINE'].includes(removeType);
    const names = objects.map(objectName).filter((it) => !created.take(isRoutine ? routine(it) : it));
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
    return created.has(table) ? [] : (node.AlterTableStmt.cmds ?? []).flatMap((command) => alterations(command, table, created));
  }
  if ('AlterDomainStmt' in node && node.AlterDomainStmt.subtype === 'O') return [['not_null', 'takes NULL out of a domain']];
  if ('TruncateStmt' in node) return [['data', `empties ${(node.TruncateStmt.relations ?? []).map(objectName).join(', ')}`]];
  if ('DeleteStmt' in node && !node.DeleteStmt.whereClause) return [['data', `deletes every row of ${nameOf(node.DeleteStmt.relation)}`]];
  if ('DoStmt' in node) return [['opaque', 'runs a DO block, which cannot be judged']];
  if ('TransactionStmt' in node && (node.TransactionStmt.kind ?? '').startsWith('TRANS_STMT_ROLLBACK')) return created.clear();
  if ('ExplainStmt' in node && node.ExplainStmt.query) return hazardsOf(node.ExplainStmt.query, created);
  if ('SelectStmt' in node || 'CallStmt' in node) {
    const own = calledIn(node).find((it) => created.has(routine(it)));
    return own === undefined ? [] : [['opaque', `runs the function ${own}, which it has made itself and which cannot be judged`]];
  }
  return [];
}

/** Functions have names of their own, beside those of tables and types. */
const routine = (name: string): string => `${name}()`;

/** What a statement makes, under a name that nobody has yet; `perhaps` when somebody may have it. */
function madeBy(node: Node): { name: string; perhaps: boolean | undefined } | null {
  if ('CreateStmt' in node) return { name: nameOf(node.CreateStmt.relation), perhaps: node.CreateStmt.if_not_exists };
  if ('CreateTableAsStmt' in node) return { name: nameOf(node.CreateTableAsStmt.into?.rel), perhaps: node.CreateTableAsStmt.if_not_exists };
  if ('SelectStmt' in node && node.SelectStmt.intoClause) return { name: nameOf(node.SelectStmt.intoClause.rel), perhaps: false };
  if ('ViewStmt' in node) return { name: nameOf(node.ViewStmt.view), perhaps: node.ViewStmt.replace };
  if ('CreateSeqStmt' in node) return { name: nameOf(node.CreateSeqStmt.sequence), perhaps: node.CreateSeqStmt.if_not_exists };
  if ('CompositeTypeStmt' in node) return { name: nameOf(node.CompositeTypeStmt.typevar), perhaps: false };
  if ('CreateEnumStmt' in node) return { name: dotted(node.CreateEnumStmt.typeName), perhaps: false };
  if ('CreateDomainStmt' in node) return { name: dotted(node.CreateDomainStmt.domainname), perhaps: false };
  return 'CreateFunctionStmt' in node ? routineOf(node.CreateFunctionStmt) : null;
}

/** One that replaces another is taken for the script's own as well: what it does when it is called cannot be told either. */
function routineOf({ funcname }: CreateFunctionStmt): { name: string; perhaps: boolean } {
  return { name: routine(dotted(funcname)), perhaps: false };
}

/** Names of the functions that are called anywhere in a statement. */
function calledIn(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) => [
    ...(key === 'FuncCall' || key === 'funccall' ? [dotted((value as { funcname?: Node[] }).funcname)] : []),
    ...calledIn(value),
  ]);
}

const dotted = (names: readonly Node[] = []): string => names.map(objectName).join('.');

/** "OBJECT_FOREIGN_TABLE" as "foreign table". */
function kindOf(type: string): string {
  return type.replace('OBJECT_', '').replace('MATVIEW', 'materialized_view').replaceAll('_', ' ').toLowerCase();
}
