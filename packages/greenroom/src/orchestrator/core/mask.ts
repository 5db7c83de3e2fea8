import { createMasker, HIDDEN } from '../../masking/masker.ts';

/** Makes text fit to leave the machine: the values of known secrets, and what looks like one, become `[hidden]`. */
export type Mask = (text: string) => string;

/** `values` are secrets that must not appear, in any of the forms that programs print them in. */
export function createMask(values: readonly string[]): Mask {
  const masker = createMasker(values);
  return (text) => hideLooks(masker.whole(text));
}

/** Hides what looks like a secret, whether it is known or not. */
export function hideLooks(text: string): string {
  let masked = text;
  for (const [pattern, replacement] of PATTERNS) masked = masked.replace(pattern, replacement);
  return masked;
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
