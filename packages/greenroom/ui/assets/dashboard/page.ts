import { useEffect, useRef } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import { html } from '../views/html.ts';
import { Icon } from '../views/icons.ts';
import { Line } from '../views/parts.ts';
import { AppPage } from './app-page.ts';
import { AttemptPage } from './attempt-page.ts';
import { StoreContext, useDashboard } from './context.ts';
import { Overview } from './overview.ts';
import { linkTo, type Route } from './route.ts';
import type { DashboardStore } from './store.ts';

export function Page({ store }: { store: DashboardStore }): VNode {
  return html`<${StoreContext.Provider} value=${store}><${Frame} /><//>`;
}

function Frame(): VNode {
  const store = useDashboard();
  const { phase, route } = store;
  useTitle(route);
  const main = useFocusOnMove(linkTo(route));
  return html`<div class="page">
    <header class="bar-top">
      <a class="brand" href=${linkTo({ name: 'all' })}><${Icon} name="leaf" size=${20} /> <span>Greenroom</span></a>
      ${phase.name === 'ready' ? html`<span class="faint machine"><${Line} text=${phase.who.host} /></span>` : null}
      <${Connected} />
      ${phase.name === 'ready' ? html`<button type="button" class="button quiet" onClick=${() => store.logout()}>Sign out</button>` : null}
    </header>
    <main tabindex="-1" ref=${main}>${phase.name === 'ready' ? html`<${Content} route=${route} />` : html`<${Closed} />`}</main>
    <div class="sr" role="status" aria-live="polite">${store.announcement}</div>
  </div>`;
}

function Content({ route }: { route: Route }): VNode {
  const store = useDashboard();
  if (store.apps === null) return html`<p class="faint waiting">Looking for the apps of this machine…</p>`;
  if (route.name === 'all') return html`<${Overview} />`;
  const app = store.app(route.app);
  if (!app)
    return html`<div class="gate"><h1>There is no app <${Line} text=${route.app} /></h1><p><a class="link" href=${linkTo({ name: 'all' })}>All apps of this machine</a></p></div>`;
  if (route.name === 'attempt') return html`<${AttemptPage} key=${route.id} app=${app} id=${route.id} />`;
  return html`<${AppPage} key=${app.name} app=${app} />`;
}

/** Silent while all is well. */
function Connected(): VNode {
  const store = useDashboard();
  const offline = store.phase.name === 'ready' && store.connection === 'offline';
  return html`<span class="end connected" role="status">${
    offline
      ? html`<span class="chip bad">The dashboard does not answer</span> <button type="button" class="link" onClick=${() => store.retry()}>Try now</button>`
      : null
  }</span>`;
}

function Closed(): VNode {
  const { phase } = useDashboard();
  if (phase.name === 'loading') return html`<p class="faint waiting">Opening…</p>`;
  if (phase.name === 'unreachable')
    return html`<div class="gate" role="status"><h1>The dashboard does not answer</h1><p>It is tried again. <code>greenroom dashboard</code> starts it.</p></div>`;
  return html`<div class="gate">
    <${Icon} name="shield" size=${32} />
    <h1>Open it by a link</h1>
    ${phase.name === 'closed' && phase.why ? html`<p class="problem" role="alert"><${Line} text=${phase.why} /></p>` : null}
    <p>Run <code>greenroom dashboard</code> on the machine: it prints a link that lets this browser in.</p>
  </div>`;
}

function useTitle(route: Route): void {
  useEffect(() => {
    document.title = route.name === 'all' ? 'Greenroom' : `${route.app} · Greenroom`;
  }, [route.name === 'all' ? '' : route.app]);
}

/** After going elsewhere, whoever uses the keyboard or a screen reader is at the begin of what is new. */
function useFocusOnMove(place: string): { current: HTMLElement | null } {
  const main = useRef<HTMLElement>(null);
  const before = useRef(place);
  useEffect(() => {
    if (before.current === place) return;
    before.current = place;
    main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [place]);
  return main;
}
