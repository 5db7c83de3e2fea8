import type { VNode } from '../vendor/preact.ts';
import { type Children, html } from '../views/html.ts';

/** A table that is wider than a phone, which can be scrolled by the keyboard too. */
export function Scroll({ label, children }: { label: string; children?: Children }): VNode {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}>${children}</div>`;
}
