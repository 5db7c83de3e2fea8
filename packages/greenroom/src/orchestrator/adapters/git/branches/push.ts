import { firstLine } from '../../../../inert-git.ts';
import type { PushReport, PushStatus } from '../../../ports.ts';
import { GitError } from '../git.ts';
import { type BranchContext, type Heads, isAncestor, readHeads, refNames } from './context.ts';
import { fetchAll } from './fetch.ts';

/** What a remote may say to people, cut to this. */
const REMOTE_WORDS = 500;

export async function pushMachine(context: BranchContext, commit: string, signal: AbortSignal): Promise<PushReport> {
  const { git, agent, human } = context;
  const heads = await readHeads(context);
  const report = reporter(context, commit);
  if (await isAncestor(git, commit, heads.human)) return report('up_to_date', `${short(commit)} is on ${human}.`);
  if (await isAncestor(git, commit, heads.published)) return report('up_to_date', `${short(commit)} is published on ${agent}.`);
  if (!(await isAncestor(git, commit, heads.local))) {
    return report('not_on_branch', `${short(commit)} is not on ${agent}, so there is nothing to publish.`);
  }
  return await publish(context, commit, heads, signal);
}

/** Sets the published branch to the commit: by a fast-forward, or in place of the one head that was found merged. */
export async function publish(context: BranchContext, commit: string, heads: Heads, signal: AbortSignal): Promise<PushReport> {
  const { git } = context;
  const report = reporter(context, commit);
  const { published, replaceable } = heads;
  const replace = published !== '' && published === replaceable && !(await isAncestor(git, published, commit));
  const outcome = await push(context, commit, replace ? published : undefined, signal);
  const names = refNames(context);
  if (outcome.status === 'pushed' || outcome.status === 'up_to_date') {
    const input = `update ${names.published} ${commit}\n${replaceable === '' ? '' : `delete ${names.replaceable}\n`}`;
    await git.must(['update-ref', '--stdin'], { input });
    return report(outcome.status, outcome.detail, replace);
  }
  if (outcome.status !== 'rejected') return report(outcome.status, outcome.detail);
  // Somebody has pushed since the last look: perhaps this very commit.
  const problem = await fetchAll(context, signal);
  const now = await readHeads(context);
  if (await isAncestor(git, commit, now.published)) return report('up_to_date', `${short(commit)} is published on ${context.agent}.`);
  return report('rejected', problem === '' ? outcome.detail : `${outcome.detail} (${problem})`);
}

type Outcome = { status: PushStatus; detail: string };

async function push(context: BranchContext, commit: string, replaced: string | undefined, signal: AbortSignal): Promise<Outcome> {
  const { git, repo, agent, networkTimeoutMs } = context;
  const target = `refs/heads/${agent}`;
  const source = await repo.origin('push');
  const args = ['push', '--porcelain', '--no-verify', '--no-signed', '--no-follow-tags', '--recurse-submodules=no', ...source.arguments];
  if (replaced !== undefined) args.push(`--force-with-lease=${target}:${replaced}`);
  try {
    const options = { ...source.options, signal, timeoutMs: networkTimeoutMs };
    const { code, stdout, stderr } = await git.run([...args, '--', source.location, `${commit}:${target}`], options);
    return understand(context, { code, stdout: stdout.toString('utf8'), stderr }, commit);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    if (error.kind === 'aborted') return { status: 'aborted', detail: 'The push was aborted.' };
    return { status: 'unreachable', detail: `${agent} could not be pushed: ${error.message}. It is tried again later.` };
  }
}

function understand(context: BranchContext, run: { code: number; stdout: string; stderr: string }, commit: string): Outcome {
  const { agent } = context;
  const line = run.stdout.split('\n').find((each) => each.includes(`:refs/heads/${agent}\t`));
  const [flag = '', , summary = ''] = line?.split('\t') ?? [];
  if (run.code === 0) {
    if (flag === '=') return { status: 'up_to_date', detail: `${short(commit)} is published on ${agent}.` };
    return { status: 'pushed', detail: `Pushed ${short(commit)} to ${agent}.` };
  }
  const words = remoteWords(run.stderr);
  if (summary.startsWith('[rejected]')) {
    return {
      status: 'rejected',
      detail: `${agent} was not pushed: the remote's ${agent} has commits that ${short(commit)} lacks, and they are not overwritten. Merge origin/${agent} into ${agent} and deploy again.`,
    };
  }
  if (summary.startsWith('[remote rejected]') || summary.startsWith('[remote failure]')) {
    const reason = /\((.*)\)$/.exec(summary)?.[1] ?? summary;
    return { status: 'refused', detail: `The remote refused ${agent}: ${plain(reason)}.${words === '' ? '' : ` It says: ${words}`}` };
  }
  const why =
    firstLine(
      run.stderr
        .split('\n')
        .filter((each) => !each.startsWith('remote:'))
        .join('\n'),
    ) ||
    words ||
    `git push ended with code ${run.code}`;
  if (isUnauthorized(run.stderr)) {
    return {
      status: 'unauthorized',
      detail: `${agent} could not be pushed: ${plain(why)}. Give the orchestrator a token with write access (GREENROOM_GIT_TOKEN) or an ssh key.`,
    };
  }
  return { status: 'unreachable', detail: `${agent} could not be pushed: ${plain(why)}. It is tried again later.` };
}

function isUnauthorized(stderr: string): boolean {
  return /Authentication failed|could not read (Username|Password)|error: 40[13]\b|Permission denied|Invalid username or/i.test(stderr);
}

function remoteWords(stderr: string): string {
  const lines = stderr.split('\n').flatMap((line) => (line.startsWith('remote: ') ? [line.slice('remote: '.length).trim()] : []));
  return plain(lines.filter((line) => line !== '').join(' ')).slice(0, REMOTE_WORDS);
}

/** Without terminal escapes and without what a URL may carry before its host. */
function plain(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .replace(/(\w+:\/\/)[^/\s@]+@/g, '$1')
    .trim();
}

function reporter({ agent }: BranchContext, commit: string) {
  return (status: PushStatus, detail: string, replaced = false): PushReport => ({ status, branch: agent, commit, replaced, detail });
}

function short(commit: string): string {
  return commit.slice(0, 12);
}
