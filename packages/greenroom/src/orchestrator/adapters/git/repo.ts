import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { firstLine, nulFields } from '../../../inert-git.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { Layout } from '../../layout.ts';
import type { Repo } from '../../ports.ts';
import { syncFolder, writeDurably } from '../durable.ts';
import { type CredentialSource, credentialOptions, environmentCredentials } from './credentials.ts';
import { diffCommits } from './diff.ts';
import { kindOf } from './files.ts';
import { createGit, GIT_MARKER, type Git, GitError } from './git.ts';
import { removeLocks } from './locks.ts';
import { isFullId, isHexId, isRefName } from './names.ts';
import { killMarked } from './processes.ts';
import { localSource, parseRemote, type Source } from './remote.ts';

interface RepoOptions {
  layout: Layout;
  /** The operator's repository: a working copy, a bare repository, or a URL. */
  remote: string;
  humanBranch: string;
  agentBranch: string;
  log: (message: string) => void;
  /** Who to be at an http remote. By default what the environment says, see `environmentCredentials`. */
  credentials?: CredentialSource;
}

export interface OpenedRepo extends Repo {
  /** Git on the bare repository. */
  readonly git: Git;
  /** Brings every branch up to date. Answers an empty string, or a sentence saying what could not be reached. */
  fetch(signal?: AbortSignal): Promise<string>;
  /** Brings only the agent's workspace up to date; answers as `fetch` does. */
  fetchIncoming(signal?: AbortSignal): Promise<string>;
  /** Fetches one commit by its full id, on a branch there or not. Answers as `fetch` does. */
  fetchCommit(id: string, from: 'origin' | 'workspace', signal?: AbortSignal): Promise<string>;
  /** How to reach the operator's repository. */
  origin(direction: 'fetch' | 'push'): Promise<Source>;
}

function carriesPassword(location: string): boolean {
  return URL.canParse(location) && new URL(location).password !== '';
}

/** The repository cannot be used at all. The message is a sentence for the operator. */
export class RepoError extends Error {
  override name = 'RepoError';
}

/** Branches of the operator's repository, as they were when last seen. */
export const BRANCHES = 'refs/remotes/origin/';
/** The agent's branch, as its workspace has it. */
export const INCOMING = 'refs/greenroom/incoming/';
/** Merges that Greenroom made itself: no branch has them. */
const MERGES = 'refs/greenroom/merge/';
const TAGS = 'refs/greenroom/tags/';
const FETCH = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules'];

/** Old repositories carry these and are harmless; everything else that fsck calls an error is refused. */
const TOLERATED = [
  'zeroPaddedFilemode',
  'missingSpaceBeforeDate',
  'badTimezone',
  'badDateOverflow',
  'missingNameBeforeEmail',
  'missingEmail',
];
const FSCK = ['fetch.fsckObjects=true', ...TOLERATED.map((message) => `fetch.fsck.${message}=warn`)];

/** Highest precedence of all attributes: no filter program, and every file can be compared, whatever a commit's `.gitattributes` says. */
const ATTRIBUTES = '* diff !filter !merge\n';

const CONFIG = `[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\tlogAllRefUpdates = false
\tuntrackedCache = true
[index]
\tversion = 4
`;

/**
 * Opens the app's own bare repository, creating it on the first start. Throws `RepoError` when the operator's repository cannot be used and
 * nothing of it is known here yet; later on a repository that is away is only logged.
 */
export async function openRepo(options: RepoOptions): Promise<OpenedRepo> {
  const { layout, log } = options;
  const remote = parseRemote(options.remote);
  if (remote === undefined) {
    throw new RepoError(`"${options.remote}" is neither a folder nor a URL that Greenroom fetches from (https, ssh, git).`);
  }
  if (carriesPassword(remote.location)) {
    // On git's command line every user of the machine could read it, and it would be kept in the repository's configuration.
    throw new RepoError(
      "The repository's URL carries a password. Leave it out, and set GREENROOM_GIT_TOKEN (with GREENROOM_GIT_USER) in this environment instead.",
    );
  }
  await createBare(layout.repo);
  const git = createGit(layout.repo);
  await recover(git, log);
  await git.must(['config', 'remote.origin.url', remote.location]);

  const credentials = options.credentials ?? environmentCredentials(remote.location);
  const origin: OpenedRepo['origin'] = async (direction) => {
    if (remote.local) return await localSource(remote.location, direction === 'push' ? 'receive-pack' : 'upload-pack');
    const access = await credentialOptions(remote.location, credentials);
    return { location: remote.location, local: false, options: { protocols: remote.protocols, ...access }, arguments: [] };
  };

  const fetchRefs = async (source: Source, refspecs: string[], signal?: AbortSignal): Promise<string> => {
    const args = [...FETCH, ...source.arguments, '--', source.location, ...refspecs];
    const { code, stderr } = await git.run(args, { ...source.options, signal, config: [...FSCK, ...(source.options.config ?? [])] });
    return code === 0 ? '' : firstLine(stderr) || `git fetch ended with code ${code}`;
  };
  const fetchBranches = async (signal?: AbortSignal): Promise<string> => {
    const source = await origin('fetch');
    // Pruned by the refspec, so it has to come before the location.
    const pruning: Source = { ...source, arguments: ['--prune', ...source.arguments] };
    const problem = await fetchRefs(pruning, [`+refs/heads/*:${BRANCHES}*`], signal);
    return problem && `${remote.location} could not be reached: ${problem}`;
  };
  const fetchIncoming = async (signal?: AbortSignal): Promise<string> => {
    if ((await kindOf(join(layout.workspace, '.git'))) === 'missing') return '';
    const spec = `+refs/heads/${options.agentBranch}:${INCOMING}${options.agentBranch}`;
    const problem = await fetchRefs(await localSource(layout.workspace), [spec], signal);
    // A fresh workspace has no commit of its own yet.
    return problem === '' || problem.includes("couldn't find remote ref") ? '' : `the agent's workspace could not be read: ${problem}`;
  };
  const fetch = async (signal?: AbortSignal): Promise<string> => {
    const problems = [await fetchBranches(signal), await fetchIncoming(signal)];
    return problems.filter((problem) => problem !== '').join('; ');
  };

  const existing = await readRefs(git, BRANCHES);
  if (Object.keys(existing).length === 0) {
    await refuseMissing(remote);
    const problem = await fetch();
    if (problem !== '') throw new RepoError(explain(remote, problem));
    const found = Object.keys(await readRefs(git, BRANCHES));
    if (found.length === 0) {
      throw new RepoError(`${remote.location} has no commits yet: commit the app there first (git add -A && git commit).`);
    }
    if (!found.includes(options.humanBranch)) log(`${remote.location} has no branch "${options.humanBranch}"; it has ${found.join(', ')}.`);
  }

  const commitOf = (ref: string): Promise<string> => resolveRef(git, ref);
  const findBranch = async (name: string): Promise<string> => {
    const incoming = name === options.agentBranch ? await commitOf(`${INCOMING}${name}`) : '';
    return incoming || (await commitOf(`${BRANCHES}${name}`));
  };
  const findTag = async (name: string, signal: AbortSignal): Promise<string> => {
    const problem = await fetchRefs(await origin('fetch'), [`+refs/tags/${name}:${TAGS}${name}`], signal);
    if (problem !== '') log(`tag ${name}: ${problem}`);
    return await commitOf(`${TAGS}${name}`);
  };
  const fetchCommit: OpenedRepo['fetchCommit'] = async (id, from, signal) =>
    await fetchRefs(from === 'origin' ? await origin('fetch') : await localSource(layout.workspace), [id], signal);
  const fetchId = async (id: string, signal: AbortSignal): Promise<void> => {
    const problem = await fetchCommit(id, 'origin', signal);
    if (problem !== '') log(`commit ${id}: ${problem}`);
  };

  const resolveBranch = async (name: string, signal: AbortSignal): Promise<Result<Resolved>> => {
    if (!isRefName(name)) return notFound(`"${name}" cannot be the name of a branch.`);
    const warning = await fetch(signal);
    const commit = await findBranch(name);
    if (commit !== '') return ok({ commit, branch: name, warning });
    const known = Object.keys(await readRefs(git, BRANCHES))
      .slice(0, 10)
      .join(', ');
    return notFound(sentence(`There is no branch "${name}" in ${remote.location}`, warning), `Known branches: ${known || 'none'}.`);
  };

  const resolveCommit = async (text: string, signal: AbortSignal): Promise<Result<Resolved>> => {
    let warning = '';
    if (isHexId(text)) {
      const id = text.toLowerCase();
      const first = await findId(git, id);
      if (first.length === 1 && first[0]) return ok({ commit: first[0], branch: '', warning: '' });
      if (first.length > 1) return notFound(`"${text}" fits ${first.length} commits.`, 'Name more digits of the commit.');
      warning = await fetch(signal);
      if (isFullId(id) && (await findId(git, id)).length === 0) await fetchId(id, signal);
      const second = await findId(git, id);
      if (second.length === 1 && second[0]) return ok({ commit: second[0], branch: '', warning });
    }
    if (!isRefName(text)) return notFound(`"${text}" is not a commit id, nor can it be the name of a branch or tag.`);
    if (!isHexId(text)) warning = await fetch(signal);
    const branch = await findBranch(text);
    if (branch !== '') return ok({ commit: branch, branch: text, warning });
    if (!isFullId(text)) {
      const tag = await findTag(text, signal);
      if (tag !== '') return ok({ commit: tag, branch: '', warning });
    }
    return notFound(
      sentence(`There is no commit, branch or tag "${text}" in ${remote.location}`, warning),
      /No space left/i.test(warning) ? 'Free some space, then deploy again.' : 'Commit and push it, or check the name, then deploy again.',
    );
  };

  return {
    git,
    fetch,
    fetchIncoming,
    fetchCommit,
    origin,
    resolve: (request, signal) =>
      guarded(() => ('branch' in request ? resolveBranch(request.branch, signal) : resolveCommit(request.commit, signal))),
    markLive: async (live, previous) => {
      const line = (name: string, commit: string): string =>
        commit === '' ? `delete refs/greenroom/${name}\n` : `update refs/greenroom/${name} ${commit}\n`;
      await git.must(['update-ref', '--stdin'], { input: `start\n${line('live', live)}${line('previous', previous)}prepare\ncommit\n` });
    },
    contains: async (commit, ancestor) =>
      isFullId(commit) && isFullId(ancestor) && (await git.run(['merge-base', '--is-ancestor', ancestor, commit])).code === 0,
    merge: async (ours, theirs, message) => {
      if (!isFullId(ours) || !isFullId(theirs)) return null;
      const { code, stdout } = await git.run(['merge-tree', '--write-tree', '-z', ours, theirs]);
      const [tree = ''] = nulFields(stdout);
      if (code !== 0 || !isFullId(tree)) return null;
      const dates = await git.text(['show', '--no-patch', '--format=%ct', ours, theirs]);
      const date = `@${Math.max(...dates.split('\n').map(Number))} +0000`;
      const env = { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
      const commit = await git.text(['commit-tree', tree, '-p', ours, '-p', theirs, '-F', '-'], { input: `${message}\n`, env });
      await git.must(['update-ref', `${MERGES}${commit}`, commit]);
      return commit;
    },
    branches: async () => {
      const [known, incoming] = await Promise.all([readRefs(git, BRANCHES), readRefs(git, INCOMING)]);
      return { ...known, ...incoming };
    },
    diff: (base, commit) => diffCommits(git, base, commit),
  };
}

type Resolved = { commit: string; branch: string; warning: string };

function notFound(error: string, remedy?: string): Result<never> {
  return fail({ code: 'commit_not_found', error, ...(remedy === undefined ? {} : { evidence: { remedy } }) });
}

function sentence(what: string, warning: string): string {
  return warning === '' ? `${what}.` : `${what}, as far as is known here: ${warning}.`;
}

/** An abort is an answer, and so is a repository that git cannot work with. */
async function guarded(work: () => Promise<Result<Resolved>>): Promise<Result<Resolved>> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    if (error.kind === 'aborted') return fail({ code: 'aborted', error: 'Aborted while looking for the commit.' });
    return notFound(`The commit could not be looked up: ${error.message}.`);
  }
}

/** Commits whose id begins with the digits. Never a ref of that name: ids only. */
async function findId(git: Git, id: string): Promise<string[]> {
  const candidates = isFullId(id)
    ? [id]
    : (await git.text(['rev-parse', `--disambiguate=${id}`])).split('\n').filter((line) => line !== '');
  if (candidates.length === 0) return [];
  const answers = await git.text(['cat-file', '--batch-check=%(objecttype) %(objectname)'], { input: `${candidates.join('\n')}\n` });
  return answers.split('\n').flatMap((line) => (line.startsWith('commit ') ? [line.slice('commit '.length)] : []));
}

/** The commit that a full ref name holds (through a tag object); empty when there is none. */
export async function resolveRef(git: Git, ref: string): Promise<string> {
  const { code, stdout } = await git.run(['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`]);
  const answer = stdout.toString('utf8').trim();
  return code === 0 && isFullId(answer) ? answer : '';
}

/** Refs below the prefix: the rest of the name to the object. */
export async function readRefs(git: Git, prefix: string): Promise<Record<string, string>> {
  const text = await git.text(['for-each-ref', '--format=%(objectname) %(refname)', prefix]);
  const refs: Record<string, string> = {};
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const space = line.indexOf(' ');
    refs[line.slice(space + 1 + prefix.length)] = line.slice(0, space);
  }
  return refs;
}

/** Built aside and renamed: a crash leaves no half repository. */
/** Makes an empty bare repository, unless there is one. */
export async function createBare(directory: string): Promise<void> {
  const parent = join(directory, '..');
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    if (name.startsWith('repo.git.new-')) await rm(join(parent, name), { recursive: true, force: true });
  }
  if ((await kindOf(join(directory, 'HEAD'))) === 'file') return;
  const temporary = join(parent, `repo.git.new-${randomBytes(6).toString('hex')}`);
  for (const folder of ['objects/pack', 'objects/info', 'refs/heads', 'info', 'worktrees']) {
    await mkdir(join(temporary, folder), { recursive: true });
  }
  await writeDurably(join(temporary, 'config'), CONFIG);
  await writeDurably(join(temporary, 'info', 'attributes'), ATTRIBUTES);
  await writeDurably(join(temporary, 'HEAD'), 'ref: refs/heads/main\n');
  await rename(temporary, directory);
  await syncFolder(parent);
}

/** Ends git processes that outlived a killed orchestrator, then removes the locks they left. The data directory is ours alone. */
async function recover(git: Git, log: (message: string) => void): Promise<void> {
  const killed = await killMarked(GIT_MARKER, git.gitDir);
  if (killed > 0) log(`ended ${killed} git processes of an earlier run`);
  for (const name of await removeLocks(git.gitDir)) log(`removed ${name}, left by an earlier run`);
}

async function refuseMissing(remote: { location: string; local: boolean }): Promise<void> {
  if (!remote.local) return;
  const kind = await kindOf(remote.location);
  if (kind === 'missing') throw new RepoError(`The folder ${remote.location} does not exist.`);
}

function explain(remote: { location: string; local: boolean }, problem: string): string {
  if (remote.local && problem.includes('does not appear to be a git repository')) {
    return `${remote.location} is not a git repository: run "git init" there and commit the app (git add -A && git commit).`;
  }
  return `${problem}.`;
}
