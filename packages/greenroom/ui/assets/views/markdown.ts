/**
 * Markdown of the agent as safe HTML. HTML in it is shown as text, links lead only to web addresses and open apart from the page, images become links
 * because loading one would tell its server who reads this. DOMPurify then lets through nothing but this short list, whatever the parser let slip.
 */

import { inert } from '../text.ts';
import { useMemo, useRef } from '../vendor/hooks.ts';
import { Component, type VNode } from '../vendor/preact.ts';
import { html } from './html.ts';
import { createMarkup } from './markup.ts';

const markup = createMarkup();

/** Text that grows at its end: whole blocks are drawn once, only the last one is parsed again. */
export function Markdown({ text }: { text: string }): VNode {
  const known = useRef({ text: '', stable: [] as string[], length: 0 });
  const blocks = useMemo(() => {
    const state = known.current;
    if (!text.startsWith(state.text)) Object.assign(state, { stable: [], length: 0 });
    const parts = markup.split(text.slice(state.length));
    const last = parts.pop() ?? '';
    for (const part of parts) state.length += part.length;
    state.stable = [...state.stable, ...parts];
    state.text = text;
    return [...state.stable, last];
  }, [text]);
  return html`<div class="markdown" dir="auto">${blocks.map((block, index) => html`<${Block} key=${index} text=${block} />`)}</div>`;
}

class Block extends Component<{ text: string }> {
  override shouldComponentUpdate(next: { text: string }): boolean {
    return next.text !== this.props.text;
  }

  override render(): VNode {
    return html`<div class="block" dangerouslySetInnerHTML=${{ __html: markup.render(inert(this.props.text)) }} />`;
  }
}
