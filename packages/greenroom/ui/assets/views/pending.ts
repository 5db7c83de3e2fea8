import type { Outbox, Pending } from '../store/outbox.ts';
import { inert } from '../text.ts';
import type { VNode } from '../vendor/preact.ts';
import { useShared } from './context.ts';
import { html } from './html.ts';

/** A message that is on its way. It is shown at once, and says so when it does not get through. */
export function PendingMessage({ message, outbox }: { message: Pending; outbox: Outbox }): VNode {
  const { store } = useShared();
  const takeBack = (): void => {
    outbox.drop(message.id);
    store.draft = [message.text, store.draft].filter(Boolean).join('\n');
  };
  const stuck = message.state === 'refused' || (message.state === 'waiting' && message.problem !== '');
  return html`<div class="item is-message pending">
    <div class="bubble" dir="auto">${inert(message.text)}</div>
    <p class=${`under ${stuck ? 'problem' : ''}`} role=${stuck ? 'alert' : undefined}>
      ${
        stuck
          ? html`Not sent. ${message.problem} <button type="button" class="link" onClick=${() => outbox.retry(message.id)}>Try again</button>
            · <button type="button" class="link" onClick=${takeBack}>Take back</button>`
          : 'Sending…'
      }
    </p>
  </div>`;
}
