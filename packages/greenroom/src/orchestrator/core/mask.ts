/** Makes text fit to leave the machine: the values of known secrets, and what looks like one, become `[hidden]`. */
export type Mask = (text: string) => string;

export const HIDDEN = '[hidden]';

/** Shorter values are words and numbers like "true" or "5432"; hiding each of their occurrences would make text unreadable and hide nothing. */
export const SHORTEST_SECRET = 5;

/** `values` are secrets that must not appear, in any of the forms that programs print them in. Longer ones are looked for first. */
export function createMask(values: readonly string[]): Mask {
  const forms = [...new Set(values.flatMap(formsOf))].sort((a, b) => b.length - a.length);
  return (text) => {
    let masked = text;
    for (const form of forms) masked = masked.replaceAll(form, HIDDEN);
    for (const [pattern, replacement] of PATTERNS) masked = masked.replace(pattern, replacement);
    return masked;
  };
}

function formsOf(value: string): string[] {
  // A key of several lines appears line by line in a log.
  const pieces = [value, value.trim(), ...value.split(/\r?\n/).map((line) => line.trim())].filter(
    (piece) => piece.length >= SHORTEST_SECRET,
  );
  return pieces.flatMap((piece) => [piece, JSON.stringify(piece).slice(1, -1), encodeURIComponent(piece.toWellFormed()), btoaUtf8(piece)]);
}

function btoaUtf8(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text.slice(0, 4_096))));
}

/** Forms of secrets that can be told by their looks. Each keeps what says which thing it was. Bounded, so that no input makes them slow. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // One that was cut off hides all that follows it.
  [
    /(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)(?!\[hidden\])(?:[\s\S]{0,20000}?-----END [A-Z ]{0,30}PRIVATE KEY-----|[^[]{0,20000})/g,
    `$1${HIDDEN}`,
  ],
  [/(\b[a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/?#@"']{1,500}@/gi, `$1${HIDDEN}@`],
  [/(hooks\.slack(?:-gov)?\.com\/(?:services|workflows|triggers)\/)[\w/-]+/gi, `$1${HIDDEN}`],
  [/(discord(?:app)?\.com\/api(?:\/v\d+)?\/webhooks\/)[\w/-]+/gi, `$1${HIDDEN}`],
  [/\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|glpat-[\w-]{15,100})/g, HIDDEN],
  [/\b(?:xox[abeoprs]|xapp)-[\w-]{10,250}/g, HIDDEN],
  [/\b(?:sk|rk|pk)[-_](?:live|test|ant|proj|or)[-_][\w-]{10,250}/g, HIDDEN],
  [/\bsk-[A-Za-z0-9]{20,250}/g, HIDDEN],
  [/\bnpm_[A-Za-z0-9]{36}\b/g, HIDDEN],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, HIDDEN],
  [/\bAIza[\w-]{35}/g, HIDDEN],
  [/\bSG\.[\w-]{16,64}\.[\w-]{16,64}/g, HIDDEN],
  [/\beyJ[\w-]{8,4000}\.eyJ[\w-]{8,4000}(?:\.[\w-]{0,4000})?/g, HIDDEN],
  [/(\bauthorization["']?\s{0,3}[:=]\s{0,3}["']?(?:[a-z]{2,20} +)?)[^\s"',]{4,4000}/gi, `$1${HIDDEN}`],
  [/(\bBearer +)[\w.~+/=-]{16,4000}/gi, `$1${HIDDEN}`],
  [
    /((?:^|[^A-Za-z])[\w.-]{0,40}?(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?token|access[_-]?token|token)["']?\s{0,3}[=:]\s{0,3}["']?)(?!\[hidden\])[^\s"',;&]{4,500}/gi,
    `$1${HIDDEN}`,
  ],
];
