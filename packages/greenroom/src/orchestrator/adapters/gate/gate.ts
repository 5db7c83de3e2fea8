import type { Failure, FailureCode } from '@greenroom/sdk/wire';
import { nulFields } from '../../../inert-git.ts';
import type { Contract } from '../../core/contract.ts';
import { type DiffEntry, isFile, parseLineCounts } from '../../core/gate/diff.ts';
import { addedSize, diffLines, isMedia, protectedPaths, sizeTally } from '../../core/gate/rules.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { Gate, GateRequest } from '../../ports.ts';
import { type Git, GitError } from '../git/git.ts';
import { objectBatches, objectSizes } from './blobs.ts';
import { type Links, linksOf, searchLinks } from './links.ts';
import { checkLandedMigrations, checkNewMigrations } from './migrations/check.ts';
import { isAncestorOfAny, type Range, readRange } from './range.ts';
import { searchSecrets } from './secret-search.ts';
import { createScanner, type SecretScanner } from './secrets/scanner.ts';
import { checkStaleBase } from './stale-base.ts';

interface GateOptions {
  /** Git on the app's bare repository. */
  git: Git;
  contract: Contract;
  /** Milliseconds that the search for secrets may take for one batch of files, besides what their size adds. */
  scanDeadlineMs?: number;
}

/** What a rule found out: nothing to say, something for people, or a refusal. */
type Verdict = Result<string>;

/** Judges a candidate by what git knows of it; nothing of it is checked out. What cannot be read is refused. */
export function createGate({ git, contract, scanDeadlineMs }: GateOptions): Gate {
  return {
    check: async (request) => {
      try {
        const tree = await readTree(git, request, contract.max_deploy_size_mb);
        const overridden = tree.failure !== undefined && isOverridden(request, tree.failure);
        // Only a size that can still be judged is for the operator to overlook.
        const judged = overridden ? await readTree(git, request, Number.POSITIVE_INFINITY) : tree;
        if (judged.failure !== undefined) return fail(judged.failure);
        const scanner = createScanner(contract.secret_patterns, request.signal, scanDeadlineMs);
        try {
          return await judge({
            git,
            contract,
            request,
            scanner,
            tree: judged,
            notes: overridden ? [overriddenNote('gate_deploy_size')] : [],
          });
        } finally {
          await scanner.close();
        }
      } catch (error) {
        if (!(error instanceof GitError)) throw error;
        return refuse(error, contract);
      }
    },
  };
}

interface Case {
  git: Git;
  contract: Contract;
  request: GateRequest;
  scanner: SecretScanner;
  tree: Tree;
  notes: string[];
}

/** The cheap rules first. */
async function judge({ git, contract, request, scanner, tree, notes }: Case): Promise<Result<{ detail: string }>> {
  const { candidate, signal } = request;
  const range = await readRange(git, contract, request);
  const overrides = (request.overrides ?? []).filter(({ commit }) => commit === candidate);
  const rules: (() => Promise<Verdict>)[] = [
    () => checkPaths(git, contract, request, range),
    () => checkLines(git, contract, request, range),
    async () => ok(`${count(tree.files, 'file')}, ${(tree.bytes / 1024 / 1024).toFixed(1)} MB`),
    () => checkAddedSize(git, contract, request, range),
    () => searchLinks(git, request, range, tree),
    () => checkLandedMigrations(git, contract, request, range),
    () => checkNewMigrations(git, contract, request, range),
    async () => verdictOf(await checkStaleBase(git, contract, request, range)),
    () => searchSecrets({ git, contract, range, candidate, overrides, scanner, signal }),
  ];
  for (const rule of rules) {
    const verdict = await rule();
    if (verdict.ok) notes.push(verdict.value);
    else if (isOverridden(request, verdict.failure)) notes.push(overriddenNote(verdict.failure.code));
    else return verdict;
  }
  return ok({ detail: notes.filter((note) => note !== '').join(', ') });
}

/** Whether the operator lets the whole code pass; one finding of it is for the search itself. */
function isOverridden({ candidate, overrides = [] }: GateRequest, { code }: Failure): boolean {
  return overrides.some((each) => each.commit === candidate && each.code === code && !each.fingerprint);
}

function overriddenNote(code: FailureCode): string {
  return `${code} overridden by the operator`;
}

interface Tree extends Links {
  failure: Failure | undefined;
  bytes: number;
  files: number;
}

/** Lists the whole tree in constant memory; ends early when it is too large to go on. */
async function readTree(git: Git, { candidate, signal }: GateRequest, limitMb: number): Promise<Tree> {
  const tally = sizeTally(limitMb);
  try {
    await git.must(['ls-tree', '-r', '-l', '-z', '--full-tree', candidate], { signal, onChunk: tally.add });
  } catch (error) {
    if (!(error instanceof GitError) || error.kind !== 'ended_by_caller') throw error;
  }
  const { failure, bytes, files, links, submodules } = tally.result();
  return { failure, bytes, files, submodules, links: failure === undefined ? await linksOf(git, links, signal) : new Map() };
}

/** The change as a whole, and each commit of an agent: what a later commit takes back would be pushed all the same. */
async function checkPaths(git: Git, contract: Contract, { live }: GateRequest, range: Range): Promise<Verdict> {
  const failure = live === '' ? undefined : protectedPaths(range.net, contract.protected_paths);
  if (failure !== undefined) return fail(failure);
  for (const { commit, entries } of range.fromAgent ? range.commits : []) {
    const inCommit = protectedPaths(entries, contract.protected_paths, commit);
    // A human's commit that the agent merged is not the agent's to answer for.
    if (inCommit !== undefined && !(await isAncestorOfAny(git, commit, [range.humanHead]))) return fail(inCommit);
  }
  return ok('');
}

async function checkLines(git: Git, contract: Contract, { live, candidate, signal }: GateRequest, range: Range): Promise<Verdict> {
  // There is no release that a first one could be compared with.
  if (live === '') return ok('');
  const args = ['diff-tree', '-r', '--numstat', '-z', '--no-renames', '--no-ext-diff', '--no-textconv', live, candidate, '--'];
  const counts = parseLineCounts(nulFields(await git.must(args, { signal })));
  const { failure, lines } = diffLines(counts, contract.max_diff_lines, await binaryMedia(git, range.net, signal));
  return failure === undefined ? ok(`${count(range.net.length, 'file')} and ${count(lines, 'line')} changed`) : fail(failure);
}

/** Files that are named like a picture and are binary. Code may be named like one, too. */
async function binaryMedia(git: Git, net: readonly DiffEntry[], signal: AbortSignal): Promise<Set<string>> {
  const media = net.filter(({ path }) => isMedia(path));
  const paths = new Set(media.map(({ path }) => path));
  const ids = media.flatMap(({ oldMode, newMode, oldId, newId }) => [
    ...(isFile(oldMode) ? [oldId] : []),
    ...(isFile(newMode) ? [newId] : []),
  ]);
  const text = new Set<string>();
  for await (const batch of objectBatches(git, ids, signal)) {
    for (const { id, bytes } of batch) if (!isBinary(bytes)) text.add(id);
  }
  for (const { path, oldId, newId } of media) if (text.has(oldId) || text.has(newId)) paths.delete(path);
  return paths;
}

/** As git tells binary files: by a NUL near the beginning. PDF may have none. */
function isBinary(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 8_000);
  return bytes.length === 0 || head.includes(0) || Buffer.from(head.subarray(0, 5)).toString('latin1') === '%PDF-';
}

async function checkAddedSize(git: Git, contract: Contract, { signal }: GateRequest, { commits }: Range): Promise<Verdict> {
  const places = new Map<string, { path: string; commit: string }>();
  for (const { commit, entries } of commits) {
    for (const { path, newMode, newId, oldId } of entries) {
      if (newId !== oldId && isFile(newMode)) places.set(newId, { path, commit });
    }
  }
  const sizes = await objectSizes(git, [...places.keys()], signal);
  const blobs = [...places].map(([id, place]) => ({ ...place, size: sizes.get(id) ?? 0 }));
  return verdictOf(addedSize(blobs, contract.max_deploy_size_mb));
}

function verdictOf(failure: Failure | undefined): Verdict {
  return failure === undefined ? ok('') : fail(failure);
}

/** The gate fails closed. */
function refuse(error: GitError, contract: Contract): Result<never> {
  if (error.kind === 'aborted') return fail({ code: 'aborted', error: 'Aborted while the gate was looking at the commit.' });
  if (error.kind === 'too_much_output') {
    return fail({
      code: 'gate_diff_lines',
      error: 'The change touches so many files that it cannot be judged.',
      evidence: { rule: `max_diff_lines: ${contract.max_diff_lines}`, remedy: 'Deploy it in smaller steps.' },
    });
  }
  return fail({
    code: 'gate_deploy_size',
    error: `The commit could not be judged, so it is refused: ${error.message}.`,
    evidence: { remedy: 'Try again; if it stays, run "git fsck" on the repository.' },
  });
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
