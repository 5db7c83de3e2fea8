import { formsOf } from './forms.ts';
import { createSearch, type Search } from './search.ts';

export const HIDDEN = '[hidden]';

/** Hides the values of known secrets, in every form that `formsOf` knows. What only looks like a secret stays as it is. */
export interface Masker {
  whole(text: string): string;
  /** Every string in a value of plain data, names of members included. */
  deep<T>(value: T): T;
  /** How many characters at the end of a text could be the begin of a secret whose rest is still to come. */
  doubtful(text: string): number;
  /** Bytes of any kind, taken for text in UTF-8. */
  bytes: Search;
}

export function createMasker(values: readonly string[]): Masker {
  const forms = values.flatMap(formsOf);
  const search = createSearch(forms);
  const bytes = createSearch(forms.map((form) => Buffer.from(form, 'utf8').toString('latin1')));
  const whole = (text: string): string => replace(text, search.places(text));
  const deep = (value: unknown): unknown => {
    if (typeof value === 'string') return whole(value);
    if (Array.isArray(value)) return value.map(deep);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [whole(name), deep(member)]));
  };
  return {
    whole,
    deep: <T>(value: T): T => (forms.length === 0 ? value : (deep(value) as T)),
    doubtful: search.doubtful,
    bytes,
  };
}

function replace(text: string, places: readonly [number, number][]): string {
  if (places.length === 0) return text;
  let masked = '';
  let at = 0;
  for (const [start, end] of places) {
    masked += text.slice(at, start) + HIDDEN;
    at = end;
  }
  return masked + text.slice(at);
}
