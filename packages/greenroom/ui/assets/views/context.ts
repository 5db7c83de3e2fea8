/** What every view of one element shares. */

import type { Store } from '../store/store.ts';
import { useChanges } from '../use-changes.ts';
import { useContext } from '../vendor/hooks.ts';
import { createContext } from '../vendor/preact.ts';

export interface Look {
  heading: string;
  placeholder: string;
  /** A panel over the page, with a button that closes it. */
  floating: boolean;
  /** The page is the service's own and not part of the app. */
  standalone: boolean;
  autoReload: boolean;
  close(): void;
  /** Whether the cursor is wanted in the field for messages, which was not there yet. True once. */
  takeFocus(): boolean;
}

export interface Shared {
  store: Store;
  look: Look;
}

export const SharedContext = createContext<Shared | null>(null);

export function useShared(): Shared {
  const shared = useContext(SharedContext);
  if (!shared) throw new Error('used outside of a <greenroom-chat>');
  return shared;
}

/** The store, and a new drawing whenever it changes. */
export function useStore(): Store {
  return useChanges(useShared().store);
}

/** What items need to know beyond themselves; the same object until one of its fields changes. */
export interface Surroundings {
  canApprove: boolean;
  liveCommit: string;
  previousCommit: string;
  deploying: boolean;
  runningTurn: string;
  queuedTurns: string;
  lastTurn: string;
  ownName: string;
}

export const SurroundingsContext = createContext<Surroundings>({
  canApprove: false,
  liveCommit: '',
  previousCommit: '',
  deploying: false,
  runningTurn: '',
  queuedTurns: '',
  lastTurn: '',
  ownName: '',
});
