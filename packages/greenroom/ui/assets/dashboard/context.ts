import { useChanges } from '../use-changes.ts';
import { useContext } from '../vendor/hooks.ts';
import { createContext } from '../vendor/preact.ts';
import type { DashboardStore } from './store.ts';

export const StoreContext = createContext<DashboardStore | null>(null);

/** The store, and a new drawing whenever it changes. */
export function useDashboard(): DashboardStore {
  const store = useContext(StoreContext);
  if (!store) throw new Error('used outside of the dashboard');
  return useChanges(store);
}
