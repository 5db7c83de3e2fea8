import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchRepo } from '../harness/bench-app.ts';
import { commitFiles, git } from '../harness/repo.ts';
import type { Row } from './table.ts';
import { withGreenroom } from './with-greenroom.ts';

const CHANGED_FILES = 10;
const FILES_PER_FOLDER = 100;

/** The `prepare` step of a deploy that changes ten files of many, beside a bare `git checkout --detach` of the same change. */
export async function measureCheckout({
  rounds,
  files,
  log,
}: {
  rounds: number;
  files: number;
  log: (line: string) => void;
}): Promise<Row[]> {
  const [steps, bare]: [number[], number[]] = [[], []];
  let commits: string[] = [];
  const makeRepo = (directory: string): void => {
    commits = largeRepo(directory, files, rounds);
    log(`  repository of ${files} files made`);
  };
  await withGreenroom({ max_deploy_size_mb: 10_000, max_diff_lines: 10_000_000 }, makeRepo, async ({ repo, deploy, stepTime }) => {
    const clone = mkdtempSync(join(tmpdir(), 'greenroom-floor-'));
    try {
      git(repo, 'worktree', 'add', '-q', '--detach', join(clone, 'tree'), commits[0] ?? '');
      // Both slots get the whole tree once; only what comes after that is a ten-file change in a slot two commits behind.
      for (const commit of commits.slice(0, 2)) await deploy(commit);
      for (const [round, commit] of commits.slice(2).entries()) {
        git(join(clone, 'tree'), 'checkout', '-q', '--detach', commits[round] ?? '');
        const began = performance.now();
        git(join(clone, 'tree'), 'checkout', '-q', '--detach', commit);
        bare.push(performance.now() - began);
        steps.push(await stepTime((await deploy(commit)).id, 'prepare'));
      }
    } finally {
      rmSync(clone, { recursive: true, force: true });
    }
  });
  const floor = { what: 'bare `git checkout --detach`', values: bare };
  return [{ what: `\`prepare\` of a ${CHANGED_FILES}-file change, ${files} files`, unit: 'ms', measured: steps, floor }];
}

function largeRepo(directory: string, files: number, rounds: number): string[] {
  benchRepo(directory, 1);
  for (let index = 0; index < files; index++) {
    const folder = join(directory, 'many', String(Math.floor(index / FILES_PER_FOLDER)));
    if (index % FILES_PER_FOLDER === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${index}.txt`), `file ${index}\nof many\n`);
  }
  // Alternating between two states of the same ten files: a slot that is two commits behind has to change all ten.
  const first = commitFiles(directory, {}, 'Many files');
  const rest = Array.from({ length: rounds + 1 }, (_, round) => {
    const changed = Array.from({ length: CHANGED_FILES }, (_, index) => [`many/${index}/changed.txt`, `round ${round}\n`]);
    return commitFiles(directory, Object.fromEntries(changed), `Change ${CHANGED_FILES} files, ${round}`);
  });
  return [first, ...rest];
}
