import { useLayoutEffect, useReducer } from './vendor/hooks.ts';

/** Draws the view anew whenever the store changes. Answers the store. */
export function useChanges<S extends { subscribe(listener: () => void): () => void }>(store: S): S {
  const [, draw] = useReducer((count: number, _: undefined) => count + 1, 0);
  useLayoutEffect(() => {
    const end = store.subscribe(() => draw(undefined));
    // What changed between the drawing and this was not heard.
    draw(undefined);
    return end;
  }, [store]);
  return store;
}
