/** Text that others wrote (agent, tools, commits, people), made harmless to read: nothing in it moves, hides or reorders other text. */

const TERMINAL =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding terminal sequences is the point
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[PX^_][^\u001b]*(?:\u001b\\)?|[ -/]*[0-~])|\u009b[0-?]*[ -/]*[@-~]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the point
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/g;
/** Marks that reorder or hide text. Joiners that scripts and emoji need (200c, 200d) stay. */
const DECEIVING = /[\u061c\u0080-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text of several lines: terminal sequences are taken out, control characters and marks that reorder text are shown instead of obeyed. */
export function inert(text: string): string {
  return text
    .replace(TERMINAL, '')
    .replace(/\r\n?/g, '\n')
    .replace(CONTROL, (char) => (char === '\u007f' ? '\u2421' : String.fromCharCode(0x2400 + char.charCodeAt(0))))
    .replace(DECEIVING, (char) => `‹U+${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}›`);
}

/** The same on one line, for titles, names and paths. */
export function inertLine(text: string): string {
  return inert(text)
    .replace(/[\n\t]+/g, ' ')
    .trim();
}

/** The first characters of a text, whole characters only. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  return `${[...text.slice(0, length)].slice(0, -1).join('')}…`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

export function shortCommit(commit: string): string {
  return commit.slice(0, 7);
}

/** `430 ms`, `1.9 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1000)} s`;
}

export function bytes(count: number): string {
  if (count < 1000) return plural(count, 'byte');
  return count < 1_000_000 ? `${Math.round(count / 1000)} kB` : `${(count / 1_000_000).toFixed(1)} MB`;
}

/** The time of day, with the date when it was another day. */
export function clock(time: string, now = new Date()): string {
  const then = new Date(time);
  if (Number.isNaN(then.getTime())) return '';
  const hours = then.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
  return then.toDateString() === now.toDateString()
    ? hours
    : `${then.toLocaleDateString(undefined, { day: 'numeric', month: 'short' })}, ${hours}`;
}
