/** Small pieces that several views use. */

import { bytes, clock, inert, inertLine } from '../text.ts';
import { useEffect, useRef, useState } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import { type Children, html } from './html.ts';
import { Icon, type IconName } from './icons.ts';

/** Text of others on one line, kept apart from the direction of what surrounds it. */
export function Line({ text, mono = false }: { text: string; mono?: boolean }): VNode {
  return html`<bdi class=${mono ? 'mono' : ''}>${inertLine(text)}</bdi>`;
}

export function Time({ value }: { value: string }): VNode {
  return html`<time datetime=${value} title=${new Date(value).toLocaleString()}>${clock(value)}</time>`;
}

export function IconButton(props: {
  icon: IconName;
  label: string;
  onClick: () => void;
  class?: string;
  expanded?: boolean;
  innerRef?: unknown;
}): VNode {
  return html`<button type="button" class=${`icon-button ${props.class ?? ''}`} aria-label=${props.label} title=${props.label}
    aria-expanded=${props.expanded} onClick=${props.onClick} ref=${props.innerRef}><${Icon} name=${props.icon} size=${18} /></button>`;
}

/** A button whose first click asks, in place, and whose second one acts. Escape or the other button takes it back. */
export function ConfirmButton(props: {
  label: string;
  question: string;
  confirm: string;
  danger?: boolean;
  class?: string;
  children?: Children;
  onConfirm: () => void;
}): VNode {
  const [asking, ask] = useState(false);
  const first = useRef<HTMLButtonElement>(null);
  const yes = useRef<HTMLButtonElement>(null);
  const wasAsking = useRef(false);
  useEffect(() => {
    if (asking) yes.current?.focus();
    else if (wasAsking.current) first.current?.focus();
    wasAsking.current = asking;
  }, [asking]);
  if (!asking)
    return html`<button type="button" class=${props.class ?? 'button'} ref=${first} aria-label=${props.children ? props.label : undefined} title=${props.children ? props.label : undefined}
      onClick=${() => ask(true)}>${props.children ?? props.label}</button>`;
  const stopOnEscape = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    ask(false);
  };
  return html`<span class="confirm" role="group" aria-label=${props.question} onKeyDown=${stopOnEscape}>
    <span>${props.question}</span>
    <button type="button" ref=${yes} class=${props.danger ? 'button danger' : 'button primary'} onClick=${() => {
      ask(false);
      props.onConfirm();
    }}>${props.confirm}</button>
    <button type="button" class="button quiet" onClick=${() => ask(false)}>Keep</button>
  </span>`;
}

const SHORT_LINES = 30;
const SHORT_LENGTH = 4_000;
/** What one box shows at most, so that no output can stall the page. The service cuts long before. */
const LONGEST = 400_000;

/** Output of a program: plain text, cut until asked for all. */
export function Output({ text, omitted = 0, label }: { text: string; omitted?: number; label: string }): VNode {
  const [all, showAll] = useState(false);
  const whole = text.length > LONGEST ? text.slice(0, LONGEST) : text;
  const missing = omitted + (text.length - whole.length);
  const lines = whole.split('\n', SHORT_LINES + 1);
  const isLong = whole.length > SHORT_LENGTH || lines.length > SHORT_LINES;
  const shown = all || !isLong ? whole : lines.slice(0, SHORT_LINES).join('\n').slice(0, SHORT_LENGTH);
  return html`<div class="output">
    <pre tabindex="0" role="group" aria-label=${label} dir="ltr">${inert(shown)}</pre>
    ${
      isLong || missing > 0
        ? html`<div class="output-foot">
          ${isLong ? html`<button type="button" class="link" aria-expanded=${all} onClick=${() => showAll(!all)}>${all ? 'Show less' : 'Show all'}</button>` : null}
          ${missing > 0 ? html`<span>${bytes(missing)} left out</span>` : null}
        </div>`
        : null
    }
  </div>`;
}
