import { listApps } from '../registry/index.ts';
import type { Cli } from './context.ts';

/** Flags that every command has. */
export interface AppFlags {
  readonly app?: string;
  readonly data?: string;
  readonly json: boolean;
}

export const text = (input: string): string => input;

/** A whole number of at least `least`. The error is a phrase; the parser puts the flag's name before it. */
export const wholeNumber =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (input: string): number => {
    const value = Number(input);
    if (/^\d+$/.test(input) && value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
    throw new SyntaxError(`it must be a whole number ${range}`);
  };

export const port = wholeNumber(1, 65_535);

/** Names of registered apps that begin like this, for the shell's completion. */
export async function proposeApps(this: Cli, partial: string): Promise<string[]> {
  const { apps } = await listApps(this.home);
  return apps.map((app) => app.name).filter((name) => name.startsWith(partial));
}

export const appFlags = {
  app: {
    kind: 'parsed',
    parse: text,
    optional: true,
    brief: 'Name of the app; by default the app of the current folder',
    placeholder: 'NAME',
    proposeCompletions: proposeApps,
  },
  data: { kind: 'parsed', parse: text, optional: true, brief: "The app's data directory, instead of its name", placeholder: 'DIR' },
  json: { kind: 'boolean', default: false, withNegated: false, brief: 'Print JSON instead of text' },
} as const;

/** Text below a command's brief in its help. */
export function description(about: string, examples: readonly (readonly [line: string, says: string])[]): string {
  const width = Math.max(...examples.map(([line]) => line.length));
  return [about, '', 'EXAMPLES', ...examples.map(([line, says]) => `  ${line.padEnd(width)}  # ${says}`)].join('\n');
}
