import { z } from 'zod';
import { contractSchema } from './contract.ts';

/** Name of the copy of the JSON Schema that lies beside a contract, where `$schema` finds it. */
export const CONTRACT_SCHEMA_FILE = 'app.contract.schema.json';

/** The JSON Schema (draft 2020-12) of a contract file as people write it. Unknown fields are allowed: Greenroom ignores them with a note. */
export function contractJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(contractSchema, { io: 'input', target: 'draft-2020-12' });
  return {
    $schema,
    $id: 'urn:greenroom:app-contract',
    title: 'Greenroom app contract',
    description: 'What an app and its operator agree on: how to start, check, drain and guard the app. See docs/guides/contract.md.',
    ...schema,
  };
}

/** The file's text, as it is kept in the package and beside contracts: in the repository's own format, short lists on one line. */
export function contractSchemaText(): string {
  const text = JSON.stringify(contractJsonSchema(), null, 2);
  return `${text.replace(/^(.*)\[\n([^[\]{}]*?)\n\s*\](,?)$/gm, onOneLine)}\n`;
}

const LINE_WIDTH = 140;

function onOneLine(list: string, before: string, items: string, comma: string): string {
  const line = `${before}[${items.trim().replace(/\n\s*/g, ' ')}]${comma}`;
  return line.length <= LINE_WIDTH ? line : list;
}
