import { nulFields } from '../../../../inert-git.ts';
import type { Contract } from '../../../core/contract.ts';
import { ABSENT, isFile } from '../../../core/gate/diff.ts';
import { changedMigration, type Landed, migrationOf, sameNumber, type Tree } from '../../../core/gate/migrations.ts';
import { destructiveMigration, isDestructive, listed, type PlacedFinding } from '../../../core/gate/sql-findings.ts';
import { fail, ok, type Result } from '../../../core/result.ts';
import type { GateRequest } from '../../../ports.ts';
import type { Git } from '../../git/git.ts';
import { objectBatches } from '../blobs.ts';
import type { Range } from '../range.ts';
import { readSql } from './read-sql.ts';

/** Files of SQL that only undo a migration. */
const UNDOES = /\.down\.sql$/i;

/** A migration that has landed stays as it is, and keeps its number for itself. */
export async function checkLandedMigrations(git: Git, contract: Contract, request: GateRequest, range: Range): Promise<Result<string>> {
  const { migrations_path: path } = contract;
  const { live, candidate, signal } = request;
  if (path === undefined) return ok('');
  const points = [
    { commit: live, what: 'the live release' },
    { commit: range.humanHead === live ? '' : range.humanHead, what: contract.human_branch },
  ].filter((it) => it.commit !== '' && it.commit !== candidate);
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
  const added = range.net.filter(
    (it) => it.oldMode === ABSENT && isFile(it.newMode) && migrationOf(it.path, path) !== null && humans.get(it.path) !== it.newId,
  );
  const scripts = added.filter((it) => /\.sql$/i.test(it.path) && !UNDOES.test(it.path));
  const others = added.filter((it) => !/\.sql$/i.test(it.path)).map((it) => it.path.slice(it.path.lastIndexOf('/') + 1));
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

async function findingsIn(git: Git, scripts: readonly { path: string; newId: string }[], signal: AbortSignal): Promise<PlacedFinding[]> {
  if (scripts.length === 0) return [];
  const texts = new Map<string, string>();
  for await (const batch of objectBatches(
    git,
    scripts.map((it) => it.newId),
    signal,
  ))
    for (const { id, bytes } of batch) texts.set(id, Buffer.from(bytes).toString('utf8'));
  const read = await readSql(
    scripts.map((it) => texts.get(it.newId) ?? ''),
    signal,
  );
  return scripts.flatMap(({ path }, index): PlacedFinding[] => {
    if (!read.ok) return [{ path, hazard: 'opaque', line: 1, does: `could not be judged: ${read.problem}` }];
    return (read.findings[index] ?? []).map((it) => ({ ...it, path }));
  });
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
