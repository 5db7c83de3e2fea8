/** The conversation itself. Only the chunks near the viewport are in the document; the others are empty boxes of the height they had. */

import type { OpenConversation } from '../store/conversation.ts';
import type { Chunk, Timeline } from '../timeline.ts';
import { useEffect, useLayoutEffect, useRef, useState } from '../vendor/hooks.ts';
import { Component, type VNode } from '../vendor/preact.ts';
import { useStore } from './context.ts';
import { html } from './html.ts';
import { Icon } from './icons.ts';
import { ItemView } from './items.ts';
import { PendingMessage } from './pending.ts';
import { createScrolling, type Scrolling } from './scrolling.ts';
import { Working } from './working.ts';

/** Drawn beyond the edge of what is in sight, in pixels: a fast scroll meets text. */
const MARGIN_PX = 1_500;
/** Older events are asked for when so little is left above. */
const LOAD_WITHIN_PX = 800;

export function Log({ conversation }: { conversation: OpenConversation }): VNode {
  const store = useStore();
  const box = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const scrolling = useRef<Scrolling | null>(null);
  const [following, setFollowing] = useState(true);
  const { timeline } = conversation;

  const look = (): void => {
    const state = scrolling.current;
    if (!state) return;
    setFollowing(state.following);
    if (state.above() < LOAD_WITHIN_PX) conversation.loadOlder();
    if (state.following) conversation.tidy();
  };

  useLayoutEffect(() => {
    if (!box.current || !content.current) return;
    scrolling.current = createScrolling(box.current, content.current, look);
    return () => scrolling.current?.close();
  }, [conversation]);
  // A first page that does not fill the view leaves nothing to scroll.
  useEffect(look, [timeline.size, conversation.loaded, conversation.loadingOlder]);

  const running = store.state?.running?.conversation === conversation.id ? store.state.running : null;
  return html`<div class="log-frame">
    <div class="log" ref=${box} tabindex="0" role="region" aria-label="Conversation">
      <div class="log-content" ref=${content} role="log" aria-live="off" aria-label="Messages">
        ${timeline.more ? html`<p class="older">${conversation.loadingOlder ? 'Loading older messages…' : html`<button type="button" class="link" onClick=${() => conversation.loadOlder()}>Show older messages</button>`}</p>` : null}
        ${timeline.chunks.map((chunk) => html`<${ChunkView} key=${chunk.id} chunk=${chunk} version=${chunk.version} timeline=${timeline} turns=${turnsOf(chunk, timeline)} root=${box} />`)}
        ${conversation.outbox.messages.map((message) => html`<${PendingMessage} key=${message.id} message=${message} outbox=${conversation.outbox} />`)}
        ${running ? html`<${Working} turn=${running} timeline=${timeline} />` : null}
      </div>
    </div>
    ${following ? null : html`<button type="button" class="jump" onClick=${() => scrolling.current?.toEnd()}><${Icon} name="arrow" size=${14} /> Jump to latest</button>`}
  </div>`;
}

/** Changes when a turn that an item of the chunk belongs to does. */
function turnsOf(chunk: Chunk, timeline: Timeline): string {
  return [...new Set(chunk.items.map((item) => timeline.turns.get(item.turn)?.status ?? ''))].join();
}

interface ChunkProps {
  chunk: Chunk;
  version: number;
  turns: string;
  timeline: Timeline;
  root: { current: HTMLElement | null };
}

class ChunkView extends Component<ChunkProps, { near: boolean }> {
  override state = { near: true };
  private element: HTMLElement | null = null;
  private height = 0;
  private observer: IntersectionObserver | undefined;

  override componentDidMount(): void {
    if (!this.element) return;
    const follow = (entries: IntersectionObserverEntry[]): void => {
      const entry = entries.at(-1);
      if (!entry || entry.isIntersecting === this.state.near) return;
      if (!entry.isIntersecting) {
        // What has the focus stays, or the keyboard's place would be lost.
        const focused = (this.element?.getRootNode() as ShadowRoot | undefined)?.activeElement;
        if (focused && this.element?.contains(focused)) return;
        this.height = entry.boundingClientRect.height;
      }
      this.setState({ near: entry.isIntersecting });
    };
    this.observer = new IntersectionObserver(follow, { root: this.props.root.current, rootMargin: `${MARGIN_PX}px 0px` });
    this.observer.observe(this.element);
  }

  override componentWillUnmount(): void {
    this.observer?.disconnect();
  }

  override shouldComponentUpdate(next: ChunkProps, state: { near: boolean }): boolean {
    const { chunk, version, turns } = this.props;
    return state.near !== this.state.near || next.chunk !== chunk || next.version !== version || next.turns !== turns;
  }

  override render(): VNode {
    const { chunk, timeline } = this.props;
    const { near } = this.state;
    return html`<div class="chunk" ref=${this.hold} style=${near ? { height: '' } : { height: `${this.height}px` }}>
      ${near ? chunk.items.map((item) => html`<${ItemView} key=${item.key} item=${item} turn=${timeline.turns.get(item.turn)} />`) : null}
    </div>`;
  }

  private readonly hold = (element: HTMLElement | null): void => {
    this.element = element;
  };
}
