import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/** The options of the command line, as `parseArgs` has them. Ends the process with a sentence when there are others. */
export function readOptions<T extends ParseArgsOptionsConfig>(options: T): ReturnType<typeof parseArgs<{ options: T }>>['values'] {
  try {
    return parseArgs<{ options: T }>({ options }).values;
  } catch (error) {
    console.error(`${(error as Error).message}. --help shows the options.`);
    process.exit(2);
  }
}

/** The value of a command line option as a whole number of at least 1. Ends the process with a sentence when it is something else. */
export function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  console.error(`--${option} must be a whole number of at least 1, not "${text}".`);
  process.exit(2);
}

/** The value of a command line option when it is one of these. Ends the process with a sentence when it is something else. */
export function oneOf<T extends string>(option: string, text: string, allowed: readonly T[]): T {
  const value = allowed.find((each) => each === text);
  if (value !== undefined) return value;
  console.error(`--${option} must be ${allowed.join(' or ')}, not "${text}".`);
  process.exit(2);
}
