/** What `dashboard.html` loads: `<greenroom-dashboard>`, everything in a shadow tree with the styles of the chat. */
import { createDashboardApi } from './assets/dashboard/api.ts';
import { Page } from './assets/dashboard/page.ts';
import { createDashboardStore } from './assets/dashboard/store.ts';
import { dashboardSheets } from './assets/styles/sheets.ts';
import { h, render } from './assets/vendor/preact.ts';

const place = document.getElementById('dashboard');
if (place) {
  const root = place.attachShadow({ mode: 'open' });
  root.adoptedStyleSheets = dashboardSheets();
  const store = createDashboardStore(createDashboardApi());
  render(h(Page, { store }), root);
  void store.start();
}
