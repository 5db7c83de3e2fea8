import type { AppFiles } from './app-files.ts';

interface Rule {
  /** Folder of the `.gitignore`, with a trailing slash, or empty. */
  base: string;
  pattern: RegExp;
  negated: boolean;
  folderOnly: boolean;
}

/** Answers whether the app's `.gitignore` files ignore a path; folders are written with a trailing slash. */
export async function readGitignore(files: AppFiles): Promise<(path: string) => boolean> {
  const rules: Rule[] = [];
  for (const path of files.files.filter((file) => file === '.gitignore' || file.endsWith('/.gitignore'))) {
    rules.push(...rulesOf(await files.lines(path), path.slice(0, -'.gitignore'.length)));
  }
  return (path) => {
    const parts = path.replace(/\/$/, '').split('/');
    // What is in an ignored folder is ignored, whatever later rules say.
    return parts.some((_, index) => {
      const isFolder = index < parts.length - 1 || path.endsWith('/');
      return ignored(rules, parts.slice(0, index + 1).join('/'), isFolder);
    });
  };
}

function ignored(rules: Rule[], path: string, isFolder: boolean): boolean {
  const last = rules.findLast(
    ({ base, pattern, folderOnly }) => path.startsWith(base) && (isFolder || !folderOnly) && pattern.test(path.slice(base.length)),
  );
  return last !== undefined && !last.negated;
}

function rulesOf(lines: string[], base: string): Rule[] {
  return lines
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !line.startsWith('#') && line.length < 200)
    .map((line) => {
      const negated = line.startsWith('!');
      const pattern = line.replace(/^!/, '').replace(/^\\(?=[!#])/, '');
      const folderOnly = pattern.endsWith('/');
      return { base, negated, folderOnly, pattern: expressionOf(pattern.replace(/\/$/, '')) };
    });
}

function expressionOf(pattern: string): RegExp {
  const anchored = pattern.includes('/');
  const body = pattern
    .replace(/^\//, '')
    .split(/(\*\*\/|\/\*\*|\*+|\?)/)
    .map((part) => {
      if (part === '**/') return '(?:[^/]+/)*';
      if (part === '/**') return '/.+';
      if (part.startsWith('*')) return '[^/]*';
      return part === '?' ? '[^/]' : part.replace(/[.+^${}()|[\]\\]/g, '\\$&');
    })
    .join('');
  return new RegExp(`^${anchored ? '' : '(?:.*/)?'}${body}$`);
}
