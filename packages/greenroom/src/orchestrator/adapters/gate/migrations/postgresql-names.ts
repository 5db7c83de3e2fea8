import type { Node, RangeVar } from '@pgsql/types';

/** Empty when the statement has none. */
export function nameOf(relation: RangeVar | undefined): string {
  return relation ? [relation.schemaname, relation.relname].filter((it) => it !== undefined).join('.') : '';
}

/** What a statement names that is no table of its own kind: in a list, as a type, with arguments. */
export function objectName(node: Node): string {
  if ('String' in node) return node.String.sval ?? '';
  if ('RangeVar' in node) return nameOf(node.RangeVar);
  if ('TypeName' in node) return (node.TypeName.names ?? []).map(objectName).join('.');
  if ('ObjectWithArgs' in node) return (node.ObjectWithArgs.objname ?? []).map(objectName).join('.');
  return 'List' in node ? (node.List.items ?? []).map(objectName).join('.') : '';
}
