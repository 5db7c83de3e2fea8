/** What to spawn: a program with its arguments, or a shell with the operator's command line. */
export interface StartCommand {
  file: string;
  args: string[];
}

const CONTROL = /[|&;(){}\n]/;
const EXPANSION = /[$`\\*?[\]<>~#!]/;
const ASSIGNMENT = /^[A-Za-z_][A-Za-z0-9_]*\+?=/;
const SHELL_WORDS = new Set(
  '. : alias bg break cd command continue eval exec exit export fg for hash if jobs read readonly return set shift source test times trap type ulimit umask unalias unset until wait while case time'.split(
    ' ',
  ),
);

/**
 * A plain command line is split into words (quotes keep words together) and started directly, so that signals reach the app itself.
 * One that needs the shell gets `/bin/sh -c`; with `exec` where that means the same, so that no shell stays in between.
 */
export function parseStartCommand(command: string): StartCommand {
  const shell = (line: string): StartCommand => ({ file: '/bin/sh', args: ['-c', line] });
  const trimmed = command.trim();
  const words = splitWords(trimmed);
  const first = words?.words[0] ?? '';
  if (words === undefined || words.control || first === '' || ASSIGNMENT.test(first) || SHELL_WORDS.has(first)) return shell(trimmed);
  if (words.expansion) return shell(`exec ${trimmed}`);
  return { file: first, args: words.words.slice(1) };
}

/** Undefined for unbalanced quotes: the shell then says so in the log. Inside double quotes only expansions matter, in single ones nothing. */
function splitWords(line: string): { words: string[]; control: boolean; expansion: boolean } | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  let control = false;
  let expansion = false;
  for (const char of line) {
    if (quote === '' && (char === ' ' || char === '\t')) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (quote === '' && (char === '"' || char === "'")) {
      quote = char;
      word ??= '';
    } else if (char === quote) {
      quote = '';
    } else {
      if (quote === '') {
        control ||= CONTROL.test(char);
        expansion ||= EXPANSION.test(char);
      } else if (quote === '"') expansion ||= '$`\\'.includes(char);
      word = (word ?? '') + char;
    }
  }
  if (quote !== '') return undefined;
  if (word !== undefined) words.push(word);
  return { words, control, expansion };
}
