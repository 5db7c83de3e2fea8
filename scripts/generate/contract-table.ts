import { markdownTable } from './markdown-table.ts';

/** The table of all fields of a JSON Schema, in Markdown with aligned columns; fields of objects follow them by their dotted names, those of lists with `[]`. */
export function contractTable(schema: Record<string, unknown>): string {
  return markdownTable([['field', 'type', 'default', 'meaning'], ...rows(schema, '')]);
}

type Schema = Record<string, unknown>;

/** Longer lists would make the column too wide to read; the JSON Schema has them. */
const LONGEST_DEFAULT = 40;

function rows(schema: Schema, prefix: string): string[][] {
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  return Object.entries(objectOf(schema['properties'])).flatMap(([name, member]) => {
    const field = objectOf(member);
    const cells = [`\`${prefix}${name}\``, typeOf(field), defaultOf(field, required.includes(name)), String(field['description'] ?? '')];
    return [cells, ...rows(field, `${prefix}${name}.`), ...rows(objectOf(field['items']), `${prefix}${name}[].`)];
  });
}

function typeOf(schema: Schema): string {
  const { type, minimum, exclusiveMinimum, maximum } = schema;
  if (Array.isArray(schema['enum'])) return schema['enum'].map((value) => code(value)).join(', ');
  if (Array.isArray(schema['anyOf'])) return [...new Set(schema['anyOf'].map((part) => typeOf(objectOf(part))))].join(', or ');
  if (schema['$ref'] !== undefined) return 'any JSON';
  if (type === 'array') return `list of: ${typeOf(objectOf(schema['items']))}`;
  if (type === 'object')
    return schema['properties'] === undefined ? `object of: ${typeOf(objectOf(schema['additionalProperties']))}` : 'object';
  if (type === 'string') return 'text';
  if (type === 'boolean') return '`true`, `false`';
  const kind = type === 'integer' ? 'whole number' : String(type);
  if (exclusiveMinimum !== undefined) return `${kind} above ${exclusiveMinimum}`;
  // Bounds that only keep timers and arithmetic sane would be noise here.
  return typeof maximum === 'number' && maximum < 2_147_483_647 ? `${kind}, ${minimum} to ${maximum}` : `${kind} from ${minimum}`;
}

function defaultOf(schema: Schema, required: boolean): string {
  if (required) return '**required**';
  if (schema['default'] === undefined) return '';
  const text = code(schema['default']);
  return text.length <= LONGEST_DEFAULT ? text : 'see above';
}

function code(value: unknown): string {
  return `\`${Array.isArray(value) ? `[${value.map((item) => JSON.stringify(item)).join(', ')}]` : JSON.stringify(value)}\``;
}

function objectOf(value: unknown): Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
