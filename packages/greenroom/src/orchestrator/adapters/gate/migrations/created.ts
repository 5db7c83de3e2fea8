/** Names of tables and the like that a script has made by the statement that is looked at: what is new hurts nobody when it changes. */
export interface Names {
  /** `perhaps`: only when there was none, so that an old one may be meant. Answers nothing to say about it. */
  add(name: string, perhaps: boolean | undefined): [];
  has(name: string): boolean;
  /** Like `has`, but from now on the name stands for something else, if for anything. */
  take(name: string): boolean;
  /** What was made is not there any more. */
  clear(): [];
}

export function createdNames(): Names {
  const names = new Set<string>();
  return {
    add(name, perhaps) {
      if (!perhaps) names.add(name.toLowerCase());
      return [];
    },
    has: (name) => names.has(name.toLowerCase()),
    take: (name) => names.delete(name.toLowerCase()),
    clear() {
      names.clear();
      return [];
    },
  };
}
