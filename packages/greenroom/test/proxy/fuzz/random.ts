/** Numbers that look random and are the same again for the same seed. */
export interface Random {
  /** From 0 to below `bound`. */
  below(bound: number): number;
  chance(probability: number): boolean;
  pick<T>(of: readonly T[]): T;
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    below: (bound) => Math.floor(next() * bound),
    chance: (probability) => next() < probability,
    pick: (of) => of[Math.floor(next() * of.length)] as (typeof of)[number],
  };
}

const TRICKY = ['\r', '\n', '\r\n', '\0', ' ', '\t', ':', ';', ',', '"', '\x0b', '\x7f', '\x85', '\xa0', '\xff', '0', '-', '_', '\r\n\r\n'];

/** Inserts, drops, replaces or repeats something somewhere. */
export function mutate(random: Random, text: string): string {
  let result = text;
  for (let times = 1 + random.below(3); times > 0; times -= 1) {
    const at = random.below(result.length + 1);
    const length = random.below(random.chance(0.8) ? 3 : 30);
    const [before, part, after] = [result.slice(0, at), result.slice(at, at + length), result.slice(at + length)];
    const how = random.below(4);
    if (how === 0) result = before + random.pick(TRICKY) + part + after;
    else if (how === 1) result = before + after;
    else if (how === 2) result = before + random.pick(TRICKY) + after;
    else result = before + part + part + after;
  }
  return result;
}

/** Where bytes of this length are cut: not at all, at every byte, or here and there. */
export function cuts(random: Random, length: number): number[] {
  const how = random.below(3);
  if (how === 0) return [length];
  if (how === 1 && length < 400) return Array.from({ length }, (_, i) => i + 1);
  const places = Array.from({ length: 1 + random.below(5) }, () => random.below(length + 1));
  return [...new Set([...places, length])].sort((a, b) => a - b);
}
