/** The value of a command line option as a whole number of at least 1. Ends the process with a sentence when it is something else. */
export function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  console.error(`--${option} must be a whole number of at least 1, not "${text}".`);
  process.exit(2);
}
