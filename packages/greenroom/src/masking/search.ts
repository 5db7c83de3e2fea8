/** Where given words occur in a text, all of them in one pass. */
export interface Search {
  /** Places of the words, as `[start, end]`, in order; those that overlap or touch are one. */
  places(text: string): [number, number][];
  /** How many characters at the end of the text could be the begin of a word whose rest is still to come. */
  doubtful(text: string): number;
  /** Length of the longest word. */
  longest: number;
}

/** A word is looked for by its first characters; every word has as many. */
const KEY_LENGTH = 4;
const TABLE_SIZE = 65_536;

/** Words shorter than four characters are not looked for. */
export function createSearch(words: readonly string[]): Search {
  const sorted = [...new Set(words)].filter((word) => word.length >= KEY_LENGTH).sort((one, other) => other.length - one.length);
  const known = new Uint8Array(TABLE_SIZE);
  const byKey = new Map<number, string[]>();
  for (const word of sorted) {
    const key = keyAt(word, 0);
    known[key] = 1;
    byKey.set(key, [...(byKey.get(key) ?? []), word]);
  }
  const longest = sorted[0]?.length ?? 0;

  function places(text: string): [number, number][] {
    const found: [number, number][] = [];
    if (longest === 0) return found;
    let key = 0;
    for (let end = 0; end < text.length; end++) {
      key = shift(key, text.charCodeAt(end));
      if (known[key] === 0 || end < KEY_LENGTH - 1) continue;
      const at = end - KEY_LENGTH + 1;
      const word = byKey.get(key)?.find((it) => text.startsWith(it, at));
      if (word === undefined) continue;
      const before = found.at(-1);
      if (before && before[1] >= at) before[1] = Math.max(before[1], at + word.length);
      else found.push([at, at + word.length]);
    }
    return found;
  }

  function doubtful(text: string): number {
    const begun = unfinished(text);
    if (begun === 0) return 0;
    const from = Math.max(0, text.length - 2 * longest);
    const cut = text.length - begun - from;
    // A word that reaches into it is not to be torn apart either.
    const torn = places(text.slice(from)).find(([start, end]) => start < cut && end > cut);
    return torn ? text.length - from - torn[0] : begun;
  }

  function unfinished(text: string): number {
    for (let at = Math.max(0, text.length - longest + 1); at < text.length; at++) {
      const left = text.length - at;
      if (left >= KEY_LENGTH && known[keyAt(text, at)] === 0) continue;
      const candidates = left >= KEY_LENGTH ? (byKey.get(keyAt(text, at)) ?? []) : sorted;
      const rest = text.slice(at);
      if (candidates.some((word) => word.length > left && word.startsWith(rest))) return left;
    }
    return 0;
  }

  return { places, doubtful, longest };
}

/** The next key from the one before and the next character: of each key only the last four characters are left. */
const shift = (key: number, character: number): number => ((key << 4) ^ character) & (TABLE_SIZE - 1);

function keyAt(text: string, at: number): number {
  let key = 0;
  for (let index = at; index < at + KEY_LENGTH; index++) key = shift(key, text.charCodeAt(index));
  return key;
}
