import type { Failure } from '@greenroom/sdk/wire';

/** Something that looks like a secret, and where it is. The secret itself is not in it. */
export interface SecretPlace {
  rule: string;
  fingerprint: string;
  /** "ghp_… (40 characters)". */
  shown: string;
  /** A path, or a description of what is no file. */
  file: string;
  /** Counted from 1; 0 when there are no lines. */
  line: number;
  commit: string;
}

type Allowed = { fingerprint: string; reason: string } | { path: string; reason: string };

/** Further places that a refusal lists, so that one look is enough to deal with all of them. */
const MAX_MORE = 10;

/** Whether the operator's contract says that the finding is no secret. */
export function isAllowed(place: SecretPlace, allowed: readonly Allowed[]): boolean {
  return allowed.some((each) => {
    if ('fingerprint' in each) return each.fingerprint === place.fingerprint;
    return each.path.endsWith('/') ? place.file.startsWith(each.path) : place.file === each.path || place.file.startsWith(`${each.path}/`);
  });
}

/** The refusal for one or more places, each secret once. */
export function secretFailure(places: readonly SecretPlace[]): Failure {
  const once = distinct(places);
  const first = once[0];
  if (first === undefined) throw new Error('A refusal needs a place.');
  const more = once.slice(1, 1 + MAX_MORE).map((each) => `${where(each)}: ${each.rule} ${each.shown}, fingerprint ${each.fingerprint}`);
  const others = once.length === 1 ? '' : ` ${once.length - 1} more: ${more.join('; ')}${once.length - 1 > MAX_MORE ? '; …' : ''}.`;
  return {
    code: 'gate_secret',
    error: `The commit holds what looks like a secret (${first.rule}): ${first.shown} in ${where(first)}.${others}`,
    evidence: {
      rule: first.rule,
      file: first.file,
      ...(first.line === 0 ? {} : { line: first.line }),
      commit: first.commit,
      fingerprint: first.fingerprint,
      remedy: `Take it out of every commit that is not pushed yet (amend, or "git rebase"; a later commit that deletes it is not enough) and read it from the environment (secrets_inject). If it was ever real, revoke it. If it is none, the operator may add { "fingerprint": "${first.fingerprint}", "reason": "…" } to secret_allow in the contract.`,
    },
  };
}

/** What to say of places that are published already. */
export function secretWarning(places: readonly SecretPlace[]): string[] {
  const once = distinct(places);
  const [first] = once;
  if (first === undefined) return [];
  return [
    `${once.length} possible secrets that the remote has already (revoke them if they are real): ${where(first)} ${first.rule}${once.length > 1 ? ', …' : ''}`,
  ];
}

function where({ file, line, commit }: SecretPlace): string {
  return `${file}${line === 0 ? '' : `, line ${line}`} (commit ${commit.slice(0, 10)})`;
}

function distinct(places: readonly SecretPlace[]): SecretPlace[] {
  const seen = new Map<string, SecretPlace>();
  for (const place of places) if (!seen.has(place.fingerprint)) seen.set(place.fingerprint, place);
  return [...seen.values()];
}
