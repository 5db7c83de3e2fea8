import type { AlterTableCmd, ColumnDef, Constraint, Node } from '@pgsql/types';
import type { SqlHazard } from '../../../core/gate/sql-findings.ts';
import type { Names } from './created.ts';

export type Hazard = [hazard: SqlHazard, does: string];

/** What one command of ALTER TABLE does to a table that the script has not made itself. */
export function alterations(node: Node, table: string, created: Names): Hazard[] {
  if (!('AlterTableCmd' in node)) return [];
  const { subtype, name = '', def } = node.AlterTableCmd;
  if (subtype === 'AT_DropColumn') return [['drop', `drops the column ${table}.${name}`]];
  if (subtype === 'AT_AlterColumnType') return [['type', `changes the type of the column ${table}.${name}`]];
  if (subtype === 'AT_SetNotNull') return [['not_null', `takes NULL out of the column ${table}.${name}`]];
  if (subtype === 'AT_ColumnDefault' && !def && created.has(filled(table, name)))
    return [['not_null', `adds the column ${table}.${name} as NOT NULL, and takes its default away`]];
  if (subtype === 'AT_AddConstraint') return addedConstraint(node.AlterTableCmd, table);
  if (subtype !== 'AT_AddColumn' || !def || !('ColumnDef' in def)) return [];
  const { colname = '' } = def.ColumnDef;
  const need = needOf(def.ColumnDef);
  if (need === 'filled') return created.add(filled(table, colname), false);
  return need === 'value' ? [['not_null', `adds the column ${table}.${colname} as NOT NULL without a default`]] : [];
}

/** No name of a table: one of those has no blank and brackets behind it. */
const filled = (table: string, column: string): string => `${table}.${column} (default)`;

/** Constraints that refuse NULL to code that does not know of it. */
function addedConstraint({ def }: AlterTableCmd, table: string): Hazard[] {
  if (!def || !('Constraint' in def)) return [];
  const { contype, raw_expr: check } = def.Constraint;
  const what =
    contype === 'CONSTR_PRIMARY'
      ? 'by a primary key'
      : contype === 'CONSTR_NOTNULL' || (contype === 'CONSTR_CHECK' && check && refusesNull(check))
        ? 'by a constraint'
        : '';
  return what === '' ? [] : [['not_null', `takes NULL out of ${table} ${what}`]];
}

/** "a IS NOT NULL", alone or as one of several conditions. */
function refusesNull(check: Node): boolean {
  if ('NullTest' in check) return check.NullTest.nulltesttype === 'IS_NOT_NULL';
  return 'BoolExpr' in check && check.BoolExpr.boolop === 'AND_EXPR' && (check.BoolExpr.args ?? []).some(refusesNull);
}

const SERIALS = ['serial', 'bigserial', 'smallserial', 'serial2', 'serial4', 'serial8'];

/** What a new column asks of a row: a value of its own, nothing because it fills itself, or nothing because it may be empty. */
function needOf({ constraints = [], typeName }: ColumnDef): 'value' | 'filled' | 'nothing' {
  const all = constraints.flatMap((it) => ('Constraint' in it ? [it.Constraint] : []));
  const type = typeName?.names?.at(-1);
  const serial = type !== undefined && 'String' in type && SERIALS.includes(type.String.sval ?? '');
  if (!all.some(isRequired)) return 'nothing';
  return serial || all.some(fillsItself) ? 'filled' : 'value';
}

function isRequired({ contype, raw_expr: check }: Constraint): boolean {
  if (contype === 'CONSTR_CHECK') return check !== undefined && refusesNull(check);
  return contype === 'CONSTR_NOTNULL' || contype === 'CONSTR_PRIMARY';
}

function fillsItself({ contype, raw_expr: value }: Constraint): boolean {
  const isNull = value !== undefined && 'A_Const' in value && value.A_Const.isnull === true;
  return contype === 'CONSTR_IDENTITY' || contype === 'CONSTR_GENERATED' || (contype === 'CONSTR_DEFAULT' && !isNull);
}
