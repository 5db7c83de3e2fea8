import { useContext, useLayoutEffect, useReducer } from '../vendor/hooks.ts';
import { createContext } from '../vendor/preact.ts';
import type { DashboardStore } from './store.ts';

export const StoreContext = createContext<DashboardStore | null>(null);

/** The store, and a new drawing whenever it changes. */
export function useDashboard(): DashboardStore {
  const store = useContext(StoreContext);
  if (!store) throw new Error('used outside of the dashboard');
  const [, draw] = useReducer((count: number, _: undefined) => count + 1, 0);
  useLayoutEffect(() => {
    const end = store.subscribe(() => draw(undefined));
    // What changed between the drawing and this was not heard.
    draw(undefined);
    return end;
  }, [store]);
  return store;
}
