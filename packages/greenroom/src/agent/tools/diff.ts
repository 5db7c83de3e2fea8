import { z } from 'zod';
import { firstLine, nulFields } from '../../inert-git.ts';
import { plain, plainLines } from '../../plain.ts';
import { bring } from '../workspace/bring.ts';
import { type Git, GitError } from '../workspace/git.ts';
import { inertGit } from '../workspace/inert.ts';
import { type Answer, paragraphs, quoted } from './answer.ts';
import type { ToolsContext } from './context.ts';
import { short } from './describe.ts';
import { defineVerb } from './verb.ts';
import { fileLines } from './workspace.ts';

/** More would fill a model's context. */
const MAX_BYTES = 48 * 1024;
const UNTRACKED_MAX_BYTES = 64 * 1024;

export const diffLive = defineVerb({
  name: 'diff_live',
  command: 'diff',
  title: 'Compare with the live version',
  description:
    'What your working copy, with changes that are not committed, has that the live version has not, as a diff. New files that git does not know are listed at the end.',
  input: z.object({
    path: z.string().trim().min(1).max(4_096).optional().describe('Only this file or folder, relative to the top of the working copy.'),
    stat: z.boolean().default(false).describe('Only the files and their numbers of lines.'),
  }),
  positional: 'path',
  readOnly: true,
  async run(context, { path, stat }, call) {
    const { live_commit: live } = await context.client.status({ signal: call.signal });
    if (live === '') return failed('nothing_live', 'Nothing is live yet, so there is nothing to compare with.');
    try {
      return await compare(await inertGit(context.workspace), context, live, { path, stat });
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      return failed('diff_failed', `The diff could not be made: ${plain(error.message)}.`);
    }
  },
});

interface Wanted {
  path: string | undefined;
  stat: boolean;
}

async function compare(git: Git, context: ToolsContext, live: string, { path, stat }: Wanted): Promise<Answer> {
  const missing = await provide(git, context, live);
  if (missing) return failed('live_commit_unknown', missing);
  const only = path === undefined ? [] : [path];
  const inert = ['--no-ext-diff', '--no-textconv', '--no-color', '--find-renames', '--ignore-submodules=dirty'];
  const [diff, untracked] = await Promise.all([
    git.run(['diff', ...inert, stat ? '--stat=200' : '--patch', live, '--', ...only], { mostBytes: MAX_BYTES }),
    git.run(['ls-files', '--others', '--exclude-standard', '--directory', '-z', '--', ...only], { mostBytes: UNTRACKED_MAX_BYTES }),
  ]);
  if (diff.code !== 0 && !diff.cut) return failed('diff_failed', `The diff could not be made: ${plain(firstLine(diff.stderr))}`);
  const files = nulFields(untracked.stdout);
  const lines = plainLines(wholeCharacters(diff.stdout).trimEnd()).filter((line) => line !== '');
  const same = lines.length === 0 && files.length === 0;
  return {
    exit: 0,
    text: same
      ? `The working copy is as the live version, ${short(live)}${path === undefined ? '' : `, at ${plain(path)}`}.`
      : paragraphs(
          `Working copy compared with the live version, ${short(live)}:`,
          lines.length > 0 && quoted('diff', lines),
          diff.cut && `The diff is longer and was cut after ${MAX_BYTES} bytes: ask with stat first, then with one path at a time.`,
          files.length > 0 && [
            'new files that git does not know yet:',
            ...fileLines({ uncommitted: files, more: untracked.cut }).map(plain),
          ],
        ),
    data: { success: true, live_commit: live, diff: lines.join('\n'), cut: diff.cut, untracked: files },
  };
}

/** Brings the live commit into the working copy when it is not there. Answers a sentence when that is not possible. */
async function provide(git: Git, { repo }: ToolsContext, commit: string): Promise<string> {
  const has = async (): Promise<boolean> => (await git.run(['cat-file', '-e', `${commit}^{commit}`])).code === 0;
  if (await has()) return '';
  const problem = await bring(git, repo, [`+${commit}:refs/greenroom/live`]);
  if (await has()) return '';
  return `The live commit ${short(commit)} is not in your working copy and could not be fetched: ${plain(problem)}`;
}

/** The cut may have gone through a character. */
function wholeCharacters(bytes: Buffer): string {
  return bytes.toString('utf8').replace(/\ufffd+$/, '');
}

function failed(code: string, error: string): Answer {
  return { exit: 1, text: error, data: { success: false, code, error } };
}
