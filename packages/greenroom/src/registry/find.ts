import { realpath } from 'node:fs/promises';
import { basename, resolve, sep } from 'node:path';
import { layoutOf } from '../orchestrator/layout.ts';
import { exists, listApps, type RegisteredApp, readEntry } from './index.ts';

export interface AppQuery {
  /** Name of the app. */
  app?: string;
  /** Its data directory. */
  data?: string;
  /** Where the command was run; used when neither is given. */
  cwd: string;
  home: string;
}

export type FoundApp = { ok: true; app: RegisteredApp } | { ok: false; code: 'app_not_found' | 'app_ambiguous'; error: string };

/** The one app that the words of a command mean. `error` says which apps there are and how to name one. */
export async function findApp(query: AppQuery): Promise<FoundApp> {
  const { apps, broken } = await listApps(query.home);
  const lost = (error: string): FoundApp => ({ ok: false, code: 'app_not_found', error: `${error}\n${whatThereIs(apps, broken)}` });
  if (query.data !== undefined) {
    const data = await real(resolve(query.cwd, query.data));
    const app = (await matching(apps, async (candidate) => (await real(candidate.data)) === data))[0] ?? (await unregistered(data));
    if (!app) return lost(`There is no app's data in ${data}.`);
    if (query.app !== undefined && app.name !== query.app)
      return lost(`The data directory ${data} belongs to "${app.name}", not to "${query.app}".`);
    return { ok: true, app };
  }
  if (query.app !== undefined) {
    const app = apps.find((candidate) => candidate.name === query.app);
    return app ? { ok: true, app } : lost(`There is no app "${query.app}" on this machine.`);
  }
  const here = await real(query.cwd);
  const found = await nearest(apps, here);
  const [app, ...others] = found;
  if (!app) return lost(`This folder, ${here}, belongs to no app.`);
  if (others.length === 0) return { ok: true, app };
  const names = found.map((candidate) => candidate.name).join(', ');
  return { ok: false, code: 'app_ambiguous', error: `This folder, ${here}, belongs to several apps: ${names}. Say which with --app NAME.` };
}

/** Apps whose repository or data directory is `here` or the closest folder above it. */
async function nearest(apps: readonly RegisteredApp[], here: string): Promise<RegisteredApp[]> {
  let length = 0;
  let found: RegisteredApp[] = [];
  for (const app of apps) {
    for (const place of [app.repo, app.data]) {
      if (!place.startsWith('/')) continue;
      const folder = await real(place);
      if (here !== folder && !here.startsWith(folder.endsWith(sep) ? folder : folder + sep)) continue;
      if (folder.length > length) found = [];
      if (folder.length < length || found.includes(app)) continue;
      length = folder.length;
      found.push(app);
    }
  }
  return found;
}

/** A data directory that is not in the registry, such as one made under another GREENROOM_HOME. */
async function unregistered(data: string): Promise<RegisteredApp | undefined> {
  const layout = layoutOf(data);
  const entry = await readEntry(layout.app);
  if (typeof entry !== 'string') return { ...entry, data };
  if (!(await exists(layout.journal)) && !(await exists(layout.pidFile))) return undefined;
  return { name: basename(data), data, repo: '', contract: layout.contract, api_port: 0 };
}

function whatThereIs(apps: readonly RegisteredApp[], broken: readonly { file: string; problem: string }[]): string {
  const lines = broken.map(({ file, problem }) => `Skipped ${file}: ${problem}.`);
  if (apps.length === 0) lines.push('No app is registered yet: run "greenroom init" in the folder of one.');
  else {
    lines.push('Registered:', ...apps.map((app) => `  ${app.name}  ${app.repo || app.data}`));
    lines.push('Name one with --app NAME or --data DIR, run this in its folder, or register this folder with "greenroom init".');
  }
  return lines.join('\n');
}

async function matching(apps: readonly RegisteredApp[], test: (app: RegisteredApp) => Promise<boolean>): Promise<RegisteredApp[]> {
  const verdicts = await Promise.all(apps.map(test));
  return apps.filter((_app, index) => verdicts[index]);
}

/** Without symbolic links; the path as it is when there is nothing there. */
async function real(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    return path;
  }
}
