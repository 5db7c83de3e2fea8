/** What fields of the contract are made of. */
import { z } from 'zod';
import { BRANCH_NAME, COMMAND, RELATIVE_PATH, URL_PATH } from './contract-patterns.ts';

/** Longer delays overflow Node's timers, which then fire at once. */
const MAX_DELAY_MS = 2_147_483_647;

// Every `error` says what is allowed there: a refusal shows it as it stands (contract-problems.ts).

export const whole = (min: number, max: number, unit = '') => {
  const error = `a whole number${unit} from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};
export const milliseconds = (min = 0) => whole(min, MAX_DELAY_MS, ' of milliseconds');
export const text = (pattern: RegExp, error: string) => z.string({ error }).regex(pattern, { error });
export const list = <T extends z.ZodType>(item: T, error: string) => z.array(item, { error });

export const port = () => whole(1, 65_535);
export const urlPath = (what: string) => text(URL_PATH, `${what}: begins with one "/", printable ASCII without spaces or "#"`);
export const command = (what: string) => text(COMMAND, `${what}, not empty`);
export const relativePath = () =>
  text(RELATIVE_PATH, 'a path relative to the top of the repository, without "..", "." or empty segments; a folder may end in "/"');
export const branch = (example: string) => text(BRANCH_NAME, `a git branch name such as "${example}"`);
