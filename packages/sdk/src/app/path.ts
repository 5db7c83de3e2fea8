/** Where the chat is mounted, without a slash at its end; '' for the whole app. Throws when it is no path. */
export function mountPath(path: string): string {
  if (!/^\/[\x21-\x7e]*$/.test(path) || /[?#]/.test(path)) {
    throw new TypeError(
      `path is ${JSON.stringify(path)}: the path of the chat begins with "/" and has no "?" or "#", for example "/chat".`,
    );
  }
  return path.replace(/\/+$/, '');
}

/** What follows the mount path in a request's target, with its query; null when it lies elsewhere. Compared as it was sent, without decoding. */
export function below(mount: string, target: string): string | null {
  if (!target.startsWith(mount)) return null;
  const rest = target.slice(mount.length);
  return rest === '' || rest.startsWith('/') || rest.startsWith('?') ? rest : null;
}

/** Whether a path could mean another one to whoever reads it next, or cannot be sent at all. The chat has no such paths. */
export function isDevious(target: string): boolean {
  const [path = ''] = target.split('?', 1);
  return /(^|\/)(\.|%2e){1,2}(?=\/|$)|%2f|%5c|%00|\\|\/\//i.test(path) || /[^\x21-\x7e]/.test(target);
}

/** The element, what it imports, and a page with nothing else: the same for everybody, and loaded before anybody is logged in. */
export function isAsset(method: string, rest: string): boolean {
  const [path = ''] = rest.split('?', 1);
  return (method === 'GET' || method === 'HEAD') && (path === '' || path === '/' || path === '/chat.js' || path.startsWith('/assets/'));
}
