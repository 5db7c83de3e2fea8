import { isDeepStrictEqual } from 'node:util';

/** What Caddy's configuration is made of. Caddy itself holds numbers as JavaScript does, so that nothing is lost between the two. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What is there when it is an object, else an empty one. */
export function objectAt(value: Json | undefined, ...path: readonly string[]): JsonObject {
  let found = value;
  for (const key of path) found = isObject(found) ? found[key] : undefined;
  return isObject(found) ? found : {};
}

export function listAt(value: JsonObject, key: string): readonly Json[] {
  const found = value[key];
  return Array.isArray(found) ? found : [];
}

export function isJsonEqual(one: Json | undefined, other: Json | undefined): boolean {
  return isDeepStrictEqual(one, other);
}
