import { inertLine } from '../text.ts';
import type { ItemOf } from '../timeline.ts';
import { useState } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import { useShared } from './context.ts';
import { html } from './html.ts';
import { Icon } from './icons.ts';
import { Line } from './parts.ts';

/** The agent asks whether it may. Its options are the buttons, in its words. */
export function PermissionCard({ item, over }: { item: ItemOf<'permission'>; over: boolean }): VNode {
  const { store } = useShared();
  const [busy, setBusy] = useState(false);
  const title = html`<${Line} text=${item.title} />`;
  if (item.status !== 'asked' || over) {
    const option = item.options.find((one) => one.id === item.option);
    const answer = item.status !== 'answered' ? 'not answered' : inertLine(option?.name ?? 'answered');
    return html`<p class="answered"><${Icon} name="shield" /><span>${title}: <strong><bdi>${answer}</bdi></strong>${item.by ? html` <span class="faint">by <${Line} text=${item.by} /></span>` : null}</span></p>`;
  }
  const answer = (option: string): void => {
    setBusy(true);
    void store.act((api) => api.answerPermission(item.request, option)).then(() => setBusy(false));
  };
  return html`<section class="card permission" part="permission" role="group" aria-label="The agent asks for permission">
    <header><${Icon} name="shield" /><h3>The agent asks</h3></header>
    <p class="asked">${title}</p>
    <div class="actions">${item.options.map(
      (option) =>
        html`<button type="button" key=${option.id} class=${option.kind === 'allow_once' ? 'button primary' : 'button'} disabled=${busy} onClick=${() => answer(option.id)}>
          ${option.kind.startsWith('reject') ? html`<${Icon} name="close" size=${14} />` : html`<${Icon} name="check" size=${14} />`}<${Line} text=${option.name} /></button>`,
    )}</div>
  </section>`;
}
