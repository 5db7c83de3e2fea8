import type { FailureCode } from '@greenroom/sdk/wire';
import type { Contract } from '../../core/contract.ts';
import { ABSENT, type DiffEntry, isFile, SYMLINK } from '../../core/gate/diff.ts';
import { isAllowed, type SecretPlace, secretFailure, secretWarning } from '../../core/gate/secrets.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { GateOverride } from '../../ports.ts';
import type { Git } from '../git/git.ts';
import { objectBatches } from './blobs.ts';
import type { Range } from './range.ts';
import type { Found } from './secrets/scan.ts';
import { ScanError, type SecretScanner } from './secrets/scanner.ts';

export interface SearchRequest {
  git: Git;
  contract: Contract;
  range: Range;
  candidate: string;
  overrides: readonly GateOverride[];
  scanner: SecretScanner;
  signal: AbortSignal;
}

/** One new blob at one path. */
interface Unit {
  path: string;
  id: string;
  commit: string;
  /** What stood at that path before; then everything else that went with the same change, such as the old place of a moved file. */
  olds: readonly string[];
  others: readonly string[];
}

type Findings = Map<string, Found[]>;

const CODE: FailureCode = 'gate_secret';

/**
 * Looks for secrets in everything that the candidate adds and that a push would publish: files, names and messages. What the blob before had does not
 * count. Answers a detail for people. Fails with `gate_secret`, also when the search came to no end.
 */
export async function searchSecrets(request: SearchRequest): Promise<Result<string>> {
  try {
    return await search(request);
  } catch (error) {
    if (!(error instanceof ScanError)) throw error;
    if (request.signal.aborted) return fail({ code: 'aborted', error: 'Aborted while the gate was looking for secrets.' });
    return fail({
      code: CODE,
      error: `The search for secrets did not come to its end, so the commit is refused: ${error.message}.`,
      evidence: {
        rule: 'search',
        remedy: 'Look for a secret_patterns entry that repeats inside a repetition, or deploy in smaller steps.',
      },
    });
  }
}

async function search({ git, contract, range, candidate, overrides, scanner, signal }: SearchRequest): Promise<Result<string>> {
  const netUnits = unitsOf(range.net, candidate, new Map(range.net.map(({ path, oldId }) => [path, [oldId]])), oldsOf(range.net));
  const commitUnits = range.commits.flatMap(({ commit, entries, oldIds, removedIds }) => unitsOf(entries, commit, oldIds, removedIds));
  const read = (ids: readonly string[]): Promise<Findings> => scanObjects(git, scanner, ids, signal);

  // Commits say what of an adopted history is new; the rest can only be named.
  const judged = range.adopted ? commitUnits : [...netUnits, ...commitUnits];
  const found = await read([...netUnits, ...commitUnits].map(({ id }) => id));
  const names = await searchNames(scanner, judged);
  const inFiles = (await filePlaces(judged, found, read)).map((place) => ({ ...place, file: names.shown.get(place.file) ?? place.file }));
  const places = [...names.places, ...inFiles, ...(await messagePlaces(git, scanner, range, signal))];
  const counted = places.filter((place) => !isAllowed(place, contract.secret_allow));
  const overridden = (place: SecretPlace): boolean => overrides.some((each) => each.fingerprint === place.fingerprint);
  const left = counted.filter((place) => !overridden(place));
  if (left.length > 0) return fail(secretFailure(left));
  const notes = [`no secrets in ${range.commits.length} unpublished commit${range.commits.length === 1 ? '' : 's'}`];
  if (counted.length > 0) notes.push(`${numberOf(counted)} findings overridden by the operator`);
  if (places.length > counted.length) notes.push(`${numberOf(places) - numberOf(counted)} findings allowed`);
  if (!range.adopted) return ok(notes.join(', '));
  const published = (await filePlaces(netUnits, found, read)).filter((place) => !isAllowed(place, contract.secret_allow));
  return ok([...notes, ...secretWarning(published)].join(', '));
}

/** The same secret may be in the change as a whole and in a commit of it. */
function numberOf(places: readonly SecretPlace[]): number {
  return new Set(places.map(({ fingerprint }) => fingerprint)).size;
}

function unitsOf(entries: readonly DiffEntry[], commit: string, olds: ReadonlyMap<string, string[]>, others: readonly string[]): Unit[] {
  return entries
    .filter(({ newMode, newId, oldId }) => newId !== oldId && (isFile(newMode) || newMode === SYMLINK))
    .map(({ path, newId: id, oldMode }) => ({ path, id, commit, olds: oldMode === ABSENT ? [] : (olds.get(path) ?? []), others }));
}

function oldsOf(entries: readonly DiffEntry[]): string[] {
  return entries.filter(({ oldMode }) => isFile(oldMode) || oldMode === SYMLINK).map(({ oldId }) => oldId);
}

async function scanObjects(git: Git, scanner: SecretScanner, ids: readonly string[], signal: AbortSignal): Promise<Findings> {
  const findings: Findings = new Map();
  for await (const batch of objectBatches(git, [...new Set(ids)], signal)) {
    const found = await scanner.scan(batch.map(({ bytes }) => bytes));
    for (const [index, { id }] of batch.entries()) findings.set(id, found[index] ?? []);
  }
  return findings;
}

/** Findings in files that were not there before the change. Old blobs are looked at only where the new one holds something. */
async function filePlaces(
  units: readonly Unit[],
  found: Findings,
  read: (ids: readonly string[]) => Promise<Findings>,
): Promise<SecretPlace[]> {
  const suspects = units.filter(({ id }) => (found.get(id) ?? []).length > 0);
  const old = await read(suspects.flatMap(({ olds, others }) => [...olds, ...others]).filter((id) => !/^0+$/.test(id)));
  return suspects.flatMap(({ id, path, commit, olds, others }) => {
    const before = new Set([...olds, ...others].flatMap((each) => (old.get(each) ?? []).map(({ fingerprint }) => fingerprint)));
    return (found.get(id) ?? []).filter(({ fingerprint }) => !before.has(fingerprint)).map((each) => ({ ...each, file: path, commit }));
  });
}

/** A file's name can be a secret too. `shown` says how to name such a file. */
async function searchNames(scanner: SecretScanner, units: readonly Unit[]): Promise<{ places: SecretPlace[]; shown: Map<string, string> }> {
  const added = [...new Map(units.filter(({ olds }) => olds.length === 0).map((unit) => [unit.path, unit.commit]))];
  const names = added.map(([path]) => path.replace(/\s/g, ' '));
  const [found = []] = await scanner.scan(names.length === 0 ? [] : [new TextEncoder().encode(names.join('\n'))]);
  let offset = 0;
  const starts = names.map((name) => {
    const start = offset;
    offset += name.length + 1;
    return start;
  });
  const shown = new Map<string, string>();
  const places = found.flatMap(({ rule, line, fingerprint, shown: secret, start, end }) => {
    const [path, commit] = added[line - 1] ?? [];
    const from = start - (starts[line - 1] ?? 0);
    if (path === undefined || commit === undefined) return [];
    const file = end === 0 ? 'the name of a file' : path.slice(0, from) + secret + path.slice(from + end - start);
    shown.set(path, file);
    return [{ rule, line: 0, fingerprint, shown: secret, file, commit }];
  });
  return { places, shown };
}

async function messagePlaces(git: Git, scanner: SecretScanner, { commits }: Range, signal: AbortSignal): Promise<SecretPlace[]> {
  const ids = commits.map(({ commit }) => commit);
  const places: SecretPlace[] = [];
  for await (const batch of objectBatches(git, ids, signal)) {
    const headers = batch.map(({ bytes }) => Buffer.from(bytes.buffer).toString('latin1').split('\n\n', 1)[0]?.split('\n').length ?? 0);
    const found = await scanner.scan(batch.map(({ bytes }) => bytes));
    for (const [index, { id }] of batch.entries()) {
      const before = (headers[index] ?? 0) + 1;
      const lineOf = (line: number): number => Math.max(0, line - before);
      for (const each of found[index] ?? []) places.push({ ...each, line: lineOf(each.line), file: 'the commit message', commit: id });
    }
  }
  return places;
}
