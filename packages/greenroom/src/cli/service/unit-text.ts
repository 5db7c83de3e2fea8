import { createHash } from 'node:crypto';

/** One line of a unit: a name and its value, already written as systemd reads it. */
export type Setting = readonly [name: string, value: string];
export interface Section {
  name: string;
  /** Why the settings below are as they are: comment lines at the section's beginning. */
  why?: readonly string[];
  settings: readonly Setting[];
}

const MARK = '# Written by "greenroom service install". Change it with "systemctl edit", which keeps your lines apart. sha256:';

/** The text of a unit file, which begins with a line that says who wrote it, and shows whether somebody has changed it since. */
export function unitText(sections: readonly Section[]): string {
  const body = sections
    .map(({ name, why = [], settings }) =>
      [`[${name}]`, ...why.map((line) => `# ${line}`), ...settings.map(([setting, value]) => `${setting}=${value}`), ''].join('\n'),
    )
    .join('\n');
  return `${MARK}${digest(body)}\n${body}`;
}

/** Whether a unit file is as it was installed: `edited` by somebody, or `foreign`, written by somebody else in the first place. */
export function authorOf(text: string): 'installed' | 'edited' | 'foreign' {
  const end = text.indexOf('\n');
  const first = text.slice(0, end);
  if (end === -1 || !first.startsWith(MARK)) return 'foreign';
  return first.slice(MARK.length) === digest(text.slice(end + 1)) ? 'installed' : 'edited';
}

/** A word of a list or an environment, in quotes where it needs them. `%` begins one of systemd's specifiers. */
export function word(text: string): string {
  const escaped = text.replaceAll('%', '%%');
  if (/^[\w@%+=:,./-]+$/.test(escaped)) return escaped;
  return `"${escaped.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\t', '\\t')}"`;
}

/** A command line: here `$` begins a variable too. */
export function commandLine(args: readonly string[]): string {
  return args.map((arg) => word(arg).replaceAll('$', '$$$$')).join(' ');
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
