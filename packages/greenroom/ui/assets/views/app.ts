import type { Store } from '../store/store.ts';
import type { Timeline } from '../timeline.ts';
import { useEffect, useMemo, useRef, useState } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import { Banners } from './banners.ts';
import { Composer } from './composer.ts';
import { type Look, SharedContext, type Surroundings, SurroundingsContext, useStore } from './context.ts';
import { Conversations } from './conversations.ts';
import { Gate, Welcome } from './gate.ts';
import { Header } from './header.ts';
import { html } from './html.ts';
import { Log } from './log.ts';

export function App({ store, look }: { store: Store; look: Look }): VNode {
  const shared = useMemo(() => ({ store, look }), [store, look]);
  return html`<${SharedContext.Provider} value=${shared}><${Chat} /><//>`;
}

function Chat(): VNode {
  const store = useStore();
  const [listOpen, setListOpen] = useState(false);
  const listButton = useRef<HTMLButtonElement>(null);
  const ready = store.phase.name === 'ready';
  const closeList = (): void => {
    if (listOpen) listButton.current?.focus();
    setListOpen(false);
  };
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (listOpen) list.current?.querySelector<HTMLElement>('nav button')?.focus();
  }, [listOpen]);
  const keyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape' || !listOpen) return;
    // Not for the panel around it, which would close.
    event.stopPropagation();
    closeList();
  };
  const { open } = store;
  const isEmpty = !open || (open.loaded && open.timeline.size === 0 && open.outbox.messages.length === 0);
  return html`<${SurroundingsContext.Provider} value=${useSurroundings(store)}>
    <div class=${`chat ${listOpen ? 'list-open' : ''}`} part="chat" ref=${list} onKeyDown=${keyDown}>
      <${Header} listOpen=${listOpen} toggleList=${() => setListOpen(!listOpen)} listButton=${listButton} />
      <${Banners} />
      <div class="main">
        ${ready ? html`<${Conversations} done=${closeList} />` : null}
        <div class="talk">
          ${ready ? (isEmpty ? html`<${Welcome} />` : open ? html`<${Log} key=${open.id} conversation=${open} />` : null) : html`<${Gate} />`}
          ${ready ? html`<${Composer} />` : null}
        </div>
      </div>
      <div class="sr" role="status" aria-live="polite">${store.announcement}</div>
    </div>
  <//>`;
}

function useSurroundings(store: Store): Surroundings {
  const { state, phase, open } = store;
  const session = phase.name === 'ready' ? phase.session : null;
  const now: Surroundings = {
    canApprove: session?.can_approve ?? false,
    ownName: session?.user.name ?? '',
    liveCommit: state?.app?.live_commit ?? '',
    previousCommit: state?.app?.previous_commit ?? '',
    deploying: Boolean(state?.app?.deploying),
    runningTurn: state?.running?.id ?? '',
    queuedTurns: state?.queued.map((turn) => turn.id).join(' ') ?? '',
    lastTurn: lastTurnOf(open?.timeline),
  };
  return useMemo(() => now, Object.values(now));
}

/** The one that was heard of last. */
function lastTurnOf(timeline: Timeline | undefined): string {
  let last = { id: '', seq: 0 };
  for (const [id, turn] of timeline?.turns ?? []) if (turn.last > last.seq) last = { id, seq: turn.last };
  return last.id;
}
