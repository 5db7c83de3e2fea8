import type { Contract } from '../../core/contract.ts';
import { parseLineCounts, parseRawDiff } from '../../core/gate/diff.ts';
import { diffLines, protectedPaths, sizeTally } from '../../core/gate/rules.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { Gate, GateRequest } from '../../ports.ts';
import { type Git, GitError, nulFields } from '../git/git.ts';

interface GateOptions {
  /** Git on the app's bare repository. */
  git: Git;
  contract: Contract;
}

type Detail = Result<{ detail: string }>;

/** Judges a candidate by what git knows of it; nothing of it is checked out. What cannot be read is refused. */
export function createGate({ git, contract }: GateOptions): Gate {
  return {
    check: async (request) => {
      try {
        const size = await checkSize(git, contract, request);
        if (!size.ok || request.live === '') return size;
        const change = await checkChange(git, contract, request);
        return change.ok ? ok({ detail: `${change.value.detail}, ${size.value.detail}` }) : change;
      } catch (error) {
        if (!(error instanceof GitError)) throw error;
        return refuse(error, contract);
      }
    },
  };
}

async function checkSize(git: Git, contract: Contract, { candidate, signal }: GateRequest): Promise<Detail> {
  const tally = sizeTally(contract.max_deploy_size_mb);
  try {
    await git.must(['ls-tree', '-r', '-l', '-z', '--full-tree', candidate], { signal, onChunk: tally.add });
  } catch (error) {
    if (!(error instanceof GitError) || error.kind !== 'ended_by_caller') throw error;
  }
  const { failure, bytes, files } = tally.result();
  return failure === undefined ? ok({ detail: `${files} files, ${(bytes / 1024 / 1024).toFixed(1)} MB` }) : fail(failure);
}

async function checkChange(git: Git, contract: Contract, { live, candidate, signal }: GateRequest): Promise<Detail> {
  const diff = (format: string[]): Promise<Buffer> =>
    git.must(['diff-tree', '-r', ...format, '-z', '--no-renames', '--no-ext-diff', '--no-textconv', live, candidate, '--'], { signal });
  const [raw, numstat] = await Promise.all([diff(['--raw', '--no-abbrev']), diff(['--numstat'])]);
  const entries = parseRawDiff(nulFields(raw));
  const forbidden = protectedPaths(entries, contract.protected_paths);
  if (forbidden !== undefined) return fail(forbidden);
  const { failure, lines } = diffLines(parseLineCounts(nulFields(numstat)), contract.max_diff_lines);
  if (failure !== undefined) return fail(failure);
  return ok({ detail: `${entries.length} files and ${lines} lines changed` });
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
