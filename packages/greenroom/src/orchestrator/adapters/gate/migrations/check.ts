import { nulFields } from '../../../../inert-git.ts';
import type { Contract } from '../../../core/contract.ts';
import { ABSENT, type DiffEntry, isFile } from '../../../core/gate/diff.ts';
import { belowPath, changedMigration, type Landed, migrationOf, sameNumber, type Tree, undoes } from '../../../core/gate/migrations.ts';
import { destructiveMigration, isDestructive, listed, type PlacedFinding, type SqlFinding } from '../../../core/gate/sql-findings.ts';
import { fail, ok, type Result } from '../../../core/result.ts';
import type { GateRequest } from '../../../ports.ts';
import type { Git } from '../../git/git.ts';
import { objectBatches } from '../blobs.ts';
import type { Range } from '../range.ts';
import { readSql } from './read-sql.ts';

const SQL = /\.sql$/i;

/** A migration that has landed stays as it is, and keeps its number for itself. */
export async function checkLandedMigrations(git: Git, contract: Contract, request: GateRequest, range: Range): Promise<Result<string>> {
  const { migrations_path: path } = contract;
  const { live, candidate, signal } = request;
  if (path === undefined) return ok('');
  const points = [
    { commit: live, what: 'the live release' },
    { commit: range.humanHead, what: contract.human_branch },
    // Rolled back from, it may have left a migration that is applied.
    { commit: range.previous, what: 'a release that was live' },
  ].filter(({ commit }, index, all) => commit !== '' && commit !== candidate && all.findIndex((it) => it.commit === commit) === index);
  if (points.length === 0) return ok('');
  const its = await treeOf(git, candidate, path, signal);
  const landed: Landed[] = [];
  for (const { commit, what } of points) {
    const tree = await treeOf(git, commit, path, signal);
    const fork = await forkOf(git, commit, candidate);
    landed.push({ commit, what, tree, forkTree: fork === commit ? tree : fork === '' ? new Map() : await treeOf(git, fork, path, signal) });
  }
  const failure = changedMigration(its, landed, path) ?? sameNumber(its, landed, path);
  return failure ? fail(failure) : ok('');
}

/**
 * What the new migrations would do to the release that serves while they are applied. An agent's are refused for it, unless the contract only wants a warning;
 * a person's are pointed out.
 */
export async function checkNewMigrations(git: Git, contract: Contract, request: GateRequest, range: Range): Promise<Result<string>> {
  const { migrations_path: path, destructive_migrations: severity } = contract;
  // On a first deploy nothing serves that could be hurt.
  if (path === undefined || request.live === '') return ok('');
  const humans =
    range.fromAgent && range.humanHead !== '' ? await treeOf(git, range.humanHead, path, request.signal) : new Map<string, string>();
  const its = new Set((await treeOf(git, request.candidate, path, request.signal)).keys());
  const below = range.net.filter((it) => it.newMode !== ABSENT && belowPath(it.path, path) !== null && humans.get(it.path) !== it.newId);
  const added = below.filter((it) => it.oldMode === ABSENT);
  const scripts = below.filter((it) => SQL.test(it.path) && !undoes(it.path, its) && (added.includes(it) || isRepeatable(it, path)));
  const others = added
    .filter((it) => !SQL.test(it.path) && migrationOf(it.path, path) !== null)
    .map((it) => it.path.slice(it.path.lastIndexOf('/') + 1));
  const findings = await findingsIn(git, scripts, request.signal);
  const failure = range.fromAgent && severity === 'refuse' ? destructiveMigration(findings, request.candidate) : undefined;
  if (failure) return fail(failure);
  const notes = [
    findings.some(isDestructive) && `migrations that hurt the release before: ${listed(findings.filter(isDestructive))}`,
    findings.some((it) => !isDestructive(it)) && `mind in the migrations: ${listed(findings.filter((it) => !isDestructive(it)))}`,
    others.length > 0 &&
      `not SQL, so not judged: ${others.slice(0, 5).join(', ')}${others.length > 5 ? ` and ${others.length - 5} more` : ''}`,
  ];
  return ok(notes.filter(Boolean).join(', '));
}

/** SQL without a number may be changed: a tool runs it anew then. */
function isRepeatable({ path, oldMode }: DiffEntry, migrationsPath: string): boolean {
  return isFile(oldMode) && migrationOf(path, migrationsPath) === null;
}

/** What the scripts do; of a changed one, only what it did not do before. */
async function findingsIn(git: Git, scripts: readonly DiffEntry[], signal: AbortSignal): Promise<PlacedFinding[]> {
  const files = scripts.filter((it) => isFile(it.newMode));
  const links = scripts.filter((it) => !isFile(it.newMode));
  const opaque = (path: string, does: string): PlacedFinding => ({ path, hazard: 'opaque', line: 1, does });
  const found = links.map(({ path }) => opaque(path, 'is a link, so what a tool would run cannot be judged'));
  if (files.length === 0) return found;
  const ids = [...new Set(files.flatMap(({ oldMode, oldId, newId }) => (isFile(oldMode) ? [oldId, newId] : [newId])))];
  const texts = new Map<string, string>();
  for await (const batch of objectBatches(git, ids, signal))
    for (const { id, bytes } of batch) texts.set(id, Buffer.from(bytes).toString('utf8'));
  const read = await readSql(
    ids.map((id) => texts.get(id) ?? ''),
    signal,
  );
  if (!read.ok) return [...found, ...files.map(({ path }) => opaque(path, `could not be judged: ${read.problem}`))];
  const of = (id: string): SqlFinding[] => read.findings[ids.indexOf(id)] ?? [];
  for (const { path, oldId, newId } of files) {
    const before = new Set(of(oldId).map(({ does }) => does));
    found.push(
      ...of(newId)
        .filter(({ does }) => !before.has(does))
        .map((it) => ({ ...it, path })),
    );
  }
  return found;
}

async function treeOf(git: Git, commit: string, path: string, signal: AbortSignal): Promise<Tree> {
  const listing = await git.must(['ls-tree', '-r', '-z', '--full-tree', commit, '--', path], { signal });
  const tree = new Map<string, string>();
  for (const entry of nulFields(listing)) {
    const tab = entry.indexOf('\t');
    tree.set(entry.slice(tab + 1), entry.slice(0, tab).split(' ')[2] ?? '');
  }
  return tree;
}

/** Where both have come from; empty when their histories have nothing in common. */
async function forkOf(git: Git, one: string, other: string): Promise<string> {
  const { code, stdout } = await git.run(['merge-base', one, other]);
  return code === 0 ? (stdout.toString('utf8').trim().split('\n')[0] ?? '') : '';
}
