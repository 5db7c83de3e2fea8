import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';

interface Operation {
  operationId: string;
  parameters?: unknown[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, unknown>;
}

export interface Matched {
  operationId: string;
  parameters: Record<string, string>;
  /** Why query or body are not what the description allows; empty when they are. */
  requestProblems(query: URLSearchParams, body: unknown): string[];
  responseProblems(status: number, body: unknown): string[];
}

interface Description {
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, object>>;
}

const description = JSON.parse(readFileSync(new URL('openapi.json', import.meta.url), 'utf8')) as Description;
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true });
formats.default(ajv);
// GitHub's own answers have "" where there is no address.
ajv.addFormat('uri', { validate: (text: string) => text === '' || URL.canParse(text) });
ajv.addFormat('repo.nwo', /^[^/]+\/[^/]+$/);
ajv.addSchema({ $id: 'github', components: modern(description.components) as object });
const compiled = new Map<string, ValidateFunction>();

/** The operation that a request is for; undefined when GitHub's description has none. */
export function matchOperation(method: string, path: string): Matched | undefined {
  for (const [template, methods] of Object.entries(description.paths)) {
    const pattern = new RegExp(`^${template.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`);
    const found = pattern.exec(path);
    const operation = methods[method.toLowerCase()];
    if (!found || !operation) continue;
    return {
      operationId: operation.operationId,
      parameters: { ...found.groups },
      requestProblems: (query, body) => [...queryProblems(operation, query), ...bodyProblems(operation, body)],
      responseProblems: (status, body) => responseProblems(operation, status, body),
    };
  }
  return undefined;
}

function queryProblems(operation: Operation, query: URLSearchParams): string[] {
  const problems: string[] = [];
  const parameters = (operation.parameters ?? []).map((it) => resolve(it) as { name: string; in: string; schema: { type?: string } });
  for (const [name, text] of query) {
    const parameter = parameters.find((it) => it.in === 'query' && it.name === name);
    if (!parameter) problems.push(`${operation.operationId} has no query parameter "${name}"`);
    else {
      const value = parameter.schema.type === 'integer' ? Number(text) : text;
      problems.push(...validate(`${operation.operationId} ?${name}`, parameter.schema, value));
    }
  }
  return problems;
}

function bodyProblems(operation: Operation, body: unknown): string[] {
  const schema = operation.requestBody?.content['application/json']?.schema;
  if (!schema) return body === undefined ? [] : [`${operation.operationId} takes no body`];
  // GitHub ignores what it does not know; we would rather be told.
  return validate(`${operation.operationId} request`, { additionalProperties: false, ...schema }, body ?? {});
}

function responseProblems(operation: Operation, status: number, body: unknown): string[] {
  const response = operation.responses[String(status)];
  if (response === undefined) return [];
  const { content } = resolve(response) as { content?: Record<string, { schema: object }> };
  const schema = content?.['application/json']?.schema;
  return schema ? validate(`${operation.operationId} ${status}`, schema, body) : [];
}

function validate(name: string, schema: object, value: unknown): string[] {
  let check = compiled.get(name);
  if (!check) {
    check = ajv.compile(modern(schema) as object);
    compiled.set(name, check);
  }
  if (check(value)) return [];
  return (check.errors ?? []).slice(0, 5).map((it) => `${name}: ${it.instancePath} ${it.message} ${JSON.stringify(it.params)}`);
}

function resolve(node: unknown): unknown {
  const reference = (node as { $ref?: string }).$ref;
  if (reference === undefined) return node;
  const [, , kind = '', name = ''] = reference.split('/');
  return description.components[kind]?.[name];
}

/** OpenAPI 3.0 as JSON Schema: `nullable` becomes a type, references lead to the registered components. */
function modern(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(modern);
  if (typeof node !== 'object' || node === null) return node;
  const { nullable, ...rest } = node as Record<string, unknown>;
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(rest)) out[key] = key === '$ref' ? `github${String(value)}` : modern(value);
  if (nullable !== true) return out;
  return { anyOf: [{ type: 'null' }, out] };
}
