import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

interface Rule {
  pattern: RegExp;
  problem: string;
  files?: RegExp;
}

/** Written so that this file does not match its own rules. */
const RULES: Rule[] = [
  { pattern: /(?<![\w.-])\/(?:home|Users)\/(?!user\b|you\b|deploy\b|app\b)[a-z][\w.-]*\//, problem: 'a path of one machine' },
  { pattern: /(?<![\w.-])\/(?:work|root)\/[\w.-]+/, problem: 'a path of one machine' },
  { pattern: /https?:\/\/[\w.-]*(?:registry|artifactory|verdaccio|nexus)[\w.-]*(?::\d+)?\//, problem: 'the host of a package registry' },
  {
    pattern: /^\s*"resolved": "(?!(?:\.\.\/\.\.\/)?packages\/)/,
    problem: "a download address in a lock file (run npm with the repository's .npmrc)",
    files: /package-lock\.json$/,
  },
];

/** Looks for what only holds on one machine, in every file that git tracks. Answers one line per place. */
export async function scanTrackedFiles(root: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('git', ['ls-files', '-z'], { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  const files = stdout.split('\0').filter(Boolean);
  const problems = await Promise.all(files.map(async (file) => scanText(file, await readText(join(root, file)))));
  return problems.flat();
}

export function scanText(file: string, text: string): string[] {
  // Binary files hold whatever they hold.
  if (text.includes('\0')) return [];
  const problems: string[] = [];
  text.split('\n').forEach((line, index) => {
    for (const rule of RULES) {
      if (rule.files && !rule.files.test(file)) continue;
      const found = rule.pattern.exec(line);
      if (found) problems.push(`${file}:${index + 1}: ${rule.problem}: ${found[0].trim()}`);
    }
  });
  return problems;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    // Tracked but deleted in this working copy, or a link to a folder.
    if (['ENOENT', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}
