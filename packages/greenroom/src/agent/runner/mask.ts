/** Hides the values of known secrets in what goes to the transcript and the log. Exact values only: code that merely speaks of a token stays as it is. */
export interface Masker {
  whole(text: string): string;
  /** Every string in a value of plain data. */
  deep<T>(value: T): T;
  /** How many characters at the end of a text could be the begin of a secret whose rest is still to come. */
  doubtful(text: string): number;
}

const HIDDEN = '[hidden]';
/** Shorter values are words and numbers: hiding them would hide nothing and spoil the text. */
const SHORTEST = 6;

export function createMasker(values: readonly string[]): Masker {
  const forms = [...new Set(values.flatMap(formsOf))].sort((one, other) => other.length - one.length);
  const longest = forms[0]?.length ?? 0;
  const whole = (text: string): string => forms.reduce((masked, form) => masked.replaceAll(form, HIDDEN), text);
  const deep = (value: unknown): unknown => {
    if (typeof value === 'string') return whole(value);
    if (Array.isArray(value)) return value.map(deep);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, deep(member)]));
  };
  return {
    whole,
    deep: <T>(value: T): T => (forms.length === 0 ? value : (deep(value) as T)),
    doubtful(text) {
      for (let length = Math.min(longest - 1, text.length); length > 0; length--) {
        const end = text.slice(-length);
        if (forms.some((form) => form.length > length && form.startsWith(end))) return length;
      }
      return 0;
    },
  };
}

function formsOf(value: string): string[] {
  // A key of several lines is printed line by line.
  const pieces = [value, ...value.split(/\r?\n/)].map((piece) => piece.trim()).filter((piece) => piece.length >= SHORTEST);
  return pieces.flatMap((piece) => [piece, JSON.stringify(piece).slice(1, -1), encodeURIComponent(piece.toWellFormed())]);
}
