import { createMasker, type Masker } from '../../../masking/masker.ts';
import { hideLooks, type Mask } from '../../core/mask.ts';
import type { Secrets } from '../../ports.ts';

/** Every secret that this orchestrator has seen since it began: what hides them wherever they would be shown. In memory only. */
export interface KnownSecrets {
  /** Values once known stay hidden, also when others have taken their place. */
  learn(values: Readonly<Record<string, string>>, missing?: readonly string[]): void;
  /** Hides exact values, in every common encoding. */
  masker(): Masker;
  /** Hides also what only looks like a secret. */
  mask: Mask;
  /** The last values of these names, without those that nobody knew; undefined while one has not been asked for. */
  last(names: readonly string[]): Record<string, string> | undefined;
}

export function createKnownSecrets(): KnownSecrets {
  const values = new Set<string>();
  const newest = new Map<string, string | null>();
  let masker = createMasker([]);
  return {
    learn(learnt, missing = []) {
      const before = values.size;
      for (const [name, value] of Object.entries(learnt)) {
        values.add(value);
        newest.set(name, value);
      }
      for (const name of missing) newest.set(name, null);
      if (values.size > before) masker = createMasker([...values]);
    },
    masker: () => masker,
    mask: (text) => hideLooks(masker.whole(text)),
    last(names) {
      if (names.some((name) => !newest.has(name))) return undefined;
      return Object.fromEntries(names.flatMap((name) => (newest.get(name) == null ? [] : [[name, newest.get(name) ?? '']])));
    },
  };
}

/** The same secrets; whatever is read is known from then on. */
export function learning(secrets: Secrets, known: KnownSecrets): Secrets {
  return {
    async read(names) {
      const found = await secrets.read(names);
      known.learn(found.values, found.missing);
      return found;
    },
  };
}

/** The same secrets, but the last known values when they cannot be read: for those who hide secrets or send alerts, never for an instance. */
export function remembering(secrets: Secrets, known: KnownSecrets): Secrets {
  return {
    async read(names) {
      try {
        return await secrets.read(names);
      } catch (error) {
        const values = known.last(names);
        if (values) return { values, missing: names.filter((name) => values[name] === undefined) };
        throw error;
      }
    },
  };
}
