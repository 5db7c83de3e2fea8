import { inertLine } from '../text.ts';
import { useEffect } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import { useShared, useStore } from './context.ts';
import { html } from './html.ts';
import { Icon } from './icons.ts';
import { IconButton } from './parts.ts';

/** What concerns the whole chat: no connection, an action that failed, a new version of the page. */
export function Banners(): VNode {
  const store = useStore();
  const { look } = useShared();
  const offline = store.open?.connection === 'offline';
  const mayReload = store.newVersion && look.autoReload && store.draft === '' && (store.open?.outbox.messages.length ?? 0) === 0;
  useEffect(() => {
    if (mayReload) window.location.reload();
  }, [mayReload]);
  return html`<div class="banners">
    ${offline ? html`<div class="banner warning" role="status"><${Icon} name="alert" /><span>Not connected. Messages are kept and sent later.</span><button type="button" class="link" onClick=${() => store.open?.reconnect()}>Try now</button></div>` : null}
    ${
      store.newVersion
        ? html`<div class="banner fresh" role="status"><${Icon} name="deploy" /><span>${look.standalone ? 'A new version of the app is live.' : 'A new version of this page is live.'}</span>
          ${look.standalone ? html`<a class="link" href="/" target="_blank" rel="noopener">Open it</a>` : html`<button type="button" class="link" onClick=${() => window.location.reload()}>Reload</button>`}</div>`
        : null
    }
    ${store.problem ? html`<div class="banner error" role="alert"><${Icon} name="alert" /><span>${inertLine(store.problem)}</span><${IconButton} icon="close" label="Dismiss" onClick=${() => store.dismiss()} /></div>` : null}
  </div>`;
}
