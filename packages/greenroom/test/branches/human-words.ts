import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { git } from '../git/fixture.ts';

export const FILES = ['a.txt', 'b.txt'];

/**
 * Lines that each may write. Lines of different writers are apart, so that git merges them, and a merge has no reason to lose a human's word. What
 * people and agent both write has no oracle: the agent may settle a conflict in its own way.
 */
const LINES = { human: [0, 6, 12], humanOnMachine: [15], agent: [3, 9], both: [18] };

const HUMAN_WORD = 'human-[0-9]+';

/** What humans wrote, and where it has to be: an own memory, which asks nothing of the program but the trees that it promotes. */
export interface HumanWords {
  /** Writes a new word into a line that the writer may write; now and then into one that both write. Answers the word. */
  write(folder: string, by: 'human' | 'humanOnMachine' | 'agent', choice: number): string;
  /** A human has published what the folder holds as `main`. */
  published(folder: string): void;
  /**
   * Brings the humans' lines to what `ref` has in them, and all others that were on `main` and have changed there since. What was written anew on the
   * agent's branch stays.
   */
  restore(folder: string, ref: string): void;
  /** Human words that going from `live` to `candidate` takes back, although no human took them off `main` or wrote anew in their place. */
  lost(repository: string, commits: { live: string; main: string; candidate: string }): string[];
}

export function humanWords(): HumanWords {
  let words = 0;
  const everOnMain = new Set<string>();
  let onMain = new Set<string>();
  /** Every line that ever was on `main`, with its place. */
  const linesOnMain = new Set<string>();
  /** Words that a human wrote over on the agent's branch, and by what. */
  const replaced = new Map<string, string[]>();
  /** A human's own newer word in its place is in the tree. */
  const gaveWay = (word: string, kept: ReadonlySet<string>): boolean =>
    (replaced.get(word) ?? []).some((next) => kept.has(next) || gaveWay(next, kept));

  return {
    write: (folder, by, choice) => {
      const contested = choice % 6 === 0 && by !== 'humanOnMachine';
      const places = contested ? LINES.both : LINES[by];
      const word = `${contested || by === 'agent' ? 'word' : 'human'}-${words++}`;
      const file = fileOf(folder, choice);
      const text = readFileSync(file, 'utf8').split('\n');
      const at = places[(choice >> 1) % places.length] ?? 0;
      if (by === 'humanOnMachine') replaced.set(text[at] ?? '', [...(replaced.get(text[at] ?? '') ?? []), word]);
      text[at] = word;
      writeFileSync(file, text.join('\n'));
      return word;
    },
    published: (folder) => {
      const texts = FILES.map((name) => readFileSync(join(folder, name), 'utf8'));
      for (const [index, text] of texts.entries())
        for (const [at, line] of text.split('\n').entries()) linesOnMain.add(`${FILES[index]} ${at} ${line}`);
      onMain = new Set(texts.join('\n').match(new RegExp(`^${HUMAN_WORD}$`, 'gm')));
      for (const word of onMain) everOnMain.add(word);
    },
    restore: (folder, ref) => {
      for (const name of FILES) {
        const theirs = git(folder, 'show', `${ref}:${name}`).split('\n');
        const mine = readFileSync(join(folder, name), 'utf8').split('\n');
        for (const at of LINES.human) mine[at] = theirs[at] ?? '';
        // Lines of before: a merge that took nothing left them.
        for (const at of [...LINES.humanOnMachine, ...LINES.both, ...LINES.agent])
          if (linesOnMain.has(`${name} ${at} ${mine[at]}`)) mine[at] = theirs[at] ?? '';
        writeFileSync(join(folder, name), mine.join('\n'));
      }
    },
    lost: (repository, { live, main, candidate }) => {
      const found = wordsOf(repository, [live, main, candidate]);
      const kept = found.get(candidate) ?? new Set();
      const before = new Set([...(found.get(live) ?? []), ...(found.get(main) ?? [])]);
      const removedByHumans = (word: string): boolean => everOnMain.has(word) && !onMain.has(word);
      return [...before].filter((word) => !kept.has(word) && !removedByHumans(word) && !gaveWay(word, kept));
    },
  };
}

function fileOf(folder: string, choice: number): string {
  return join(folder, FILES[choice % FILES.length] ?? '');
}

/** The human words in each commit's tree, by commit. */
function wordsOf(repository: string, commits: readonly string[]): Map<string, Set<string>> {
  const found = new Map(commits.map((commit) => [commit, new Set<string>()]));
  // Line 1 is nobody's: every tree has it, and a search that finds nothing is an error to git.
  const lines = git(repository, 'grep', '-o', '-E', `^(${HUMAN_WORD}|[ab] 1)$`, ...found.keys(), '--').split('\n');
  for (const line of lines) {
    const [commit = '', , text = ''] = line.split(':');
    if (text.startsWith('human-')) found.get(commit)?.add(text);
  }
  return found;
}
