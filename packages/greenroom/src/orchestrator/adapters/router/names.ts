/** What an app is called before people: its name for a proxy without the part that tells data directories apart. */
export function nameOf(app: string): string {
  return app.replace(/-[0-9a-f]{8}$/, '');
}

/** The other party of a conflict: `app "shop"`. */
export function otherApp(other: string, app: string): string {
  return `${nameOf(other) === nameOf(app) ? 'another app' : 'app'} "${nameOf(other)}"`;
}
