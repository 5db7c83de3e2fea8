/** Where in the dashboard one is; the address bar has it behind the hash, so that it can be kept, sent and gone back from. */
export type Route = { name: 'all' } | { name: 'app'; app: string } | { name: 'attempt'; app: string; id: string };

export function readRoute(hash: string): Route {
  const [, app = '', section = '', id = ''] = hash.replace(/^#/, '').split('/').map(decode);
  if (app === '') return { name: 'all' };
  return section === 'deploys' && id !== '' ? { name: 'attempt', app, id } : { name: 'app', app };
}

export function linkTo(route: Route): string {
  if (route.name === 'all') return '#/';
  const app = `#/${encodeURIComponent(route.app)}`;
  return route.name === 'app' ? app : `${app}/deploys/${encodeURIComponent(route.id)}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    // Typed by hand: it leads to nothing that there is.
    if (error instanceof URIError) return text;
    throw error;
  }
}
