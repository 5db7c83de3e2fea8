/** What a tab keeps over a reload: the open conversation, drafts, messages that did not arrive yet. A browser that forbids storage keeps nothing. */
export interface Memory {
  get(name: string): string;
  set(name: string, value: string): void;
}

/** Names are kept apart by the service they belong to, so that several elements of a page do not mix. */
export function createMemory(space: string): Memory {
  return {
    get: (name) => attempt((storage) => storage.getItem(`greenroom:${space}:${name}`)) ?? '',
    set(name, value) {
      attempt((storage) => {
        if (value === '') storage.removeItem(`greenroom:${space}:${name}`);
        else storage.setItem(`greenroom:${space}:${name}`, value);
      });
    },
  };
}

function attempt<T>(use: (storage: Storage) => T): T | undefined {
  try {
    return use(window.sessionStorage);
  } catch {
    // Forbidden by the browser's settings, or full: the chat works without.
    return undefined;
  }
}
