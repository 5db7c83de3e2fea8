import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';

export type Check = (what: 'Request' | 'Event', value: unknown) => string[];

/** Checks against the vendor's own types, as test/agents/schemas makes schemas of them. Answers what is wrong, with its place. */
export function openSchema(file: string, type: string): Check {
  const schema = JSON.parse(readFileSync(new URL(`schemas/${file}.json`, import.meta.url), 'utf8')) as object;
  const ajv = new Ajv({ strict: false, allErrors: false, allowUnionTypes: true });
  ajv.addSchema(schema, 'api');
  return (what, value) => {
    const validate = ajv.getSchema(`api#/definitions/${type}${what}`);
    if (validate === undefined) throw new Error(`${file}.json has no definition of ${type}${what}`);
    if (validate(value)) return [];
    // Of a union each member fails in its own way; what failed deepest is what was meant.
    const errors = [...(validate.errors ?? [])].sort((a, b) => b.instancePath.length - a.instancePath.length);
    return errors
      .slice(0, 3)
      .map((error) => `${type}${what}${error.instancePath} ${error.message ?? 'is invalid'} ${JSON.stringify(error.params)}`);
  };
}
