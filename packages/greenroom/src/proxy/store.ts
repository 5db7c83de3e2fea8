import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProxyAppBody, ProxyPreview, ProxyTarget } from '@greenroom/sdk/proxy';
import { parseAppBody, parsePreview, parseTarget } from './bodies.ts';

/** What survives a crash of the proxy, for one app. */
export interface SavedApp extends ProxyAppBody {
  target: ProxyTarget | null;
  /** Holds a secret: the file is its owner's only. */
  preview?: ProxyPreview | null;
}

export interface RouteStore {
  /** The saved apps by name. A file that cannot be understood is put aside under the name in `damaged`, and nothing is routed. */
  load(): Promise<{ apps: Map<string, SavedApp>; damaged: string }>;
  /** On disk when it answers: a crash at any point leaves the old or the new routes, never half of them. Not to be called concurrently. */
  save(apps: ReadonlyMap<string, SavedApp>): Promise<void>;
}

const ROUTES_FILE = 'routes.json';
const FORMAT = 1;

export function createRouteStore(directory: string): RouteStore {
  const file = join(directory, ROUTES_FILE);
  return {
    async load() {
      const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null;
        throw error;
      });
      if (text === null) return { apps: new Map(), damaged: '' };
      const apps = parseRoutes(text);
      if (apps) return { apps, damaged: '' };
      const damaged = `${file}.damaged`;
      await rename(file, damaged);
      return { apps: new Map(), damaged };
    },
    async save(apps) {
      const temporary = `${file}.new`;
      await writeSynced(temporary, `${JSON.stringify({ format: FORMAT, apps: Object.fromEntries(apps) }, null, 2)}\n`);
      await rename(temporary, file);
      await syncFolder(directory);
    },
  };
}

function parseRoutes(text: string): Map<string, SavedApp> | null {
  const json = parseJson(text) as { format?: unknown; apps?: unknown } | null;
  if (json?.format !== FORMAT || typeof json.apps !== 'object' || json.apps === null) return null;
  const apps = new Map<string, SavedApp>();
  for (const [name, value] of Object.entries(json.apps)) {
    const body = parseAppBody(value);
    const target = parseTarget((value as { target?: unknown } | null)?.target);
    const preview = parsePreview((value as { preview?: unknown } | null)?.preview);
    if (!body.ok || !target.ok || !preview.ok) return null;
    apps.set(name, { ...body.value, target: target.value, preview: preview.value });
  }
  return apps;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function writeSynced(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
