import { mkdirSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { INSTANCE_ENV } from '@greenroom/sdk/wire';
import type { Contract } from '../../core/contract.ts';
import { type Layout, socketsOf } from '../../layout.ts';

/** Loaded into Node apps, so that they listen on their sockets beside their ports. */
export const PRELOAD = join(import.meta.dirname, '..', '..', '..', 'preload', 'listen.cjs');

/** The Unix sockets of instances whose proxy reaches them so. */
export interface ListenSockets {
  /** What an instance is told of its sockets. `nodeOptions` is added to the app's own. Makes their folder. */
  environment(instance: string, internal: boolean): { variables: Record<string, string>; nodeOptions: string };
  /** After the instance's end: what a killed process left. */
  remove(instance: string): void;
  /** Removes what is left of instances that are not among these. */
  sweep(running: readonly string[]): Promise<void>;
}

/** Null where the proxy reaches instances by their ports. */
export function createListenSockets(layout: Pick<Layout, 'sockets'>, { router }: Pick<Contract, 'router'>): ListenSockets | null {
  if (router.kind === 'embedded' || router.upstream !== 'socket') return null;
  return {
    environment(instance, internal) {
      const sockets = socketsOf(layout, instance);
      mkdirSync(layout.sockets, { recursive: true, mode: 0o755 });
      const variables = {
        [INSTANCE_ENV.listenSocket]: sockets.requests,
        [INSTANCE_ENV.listenStreams]: sockets.streams,
        ...(internal ? { [INSTANCE_ENV.listenInternalSocket]: sockets.internal } : {}),
      };
      // Quoted as Node reads it: a path may hold spaces.
      return { variables, nodeOptions: `--require "${PRELOAD.replace(/["\\]/g, '\\$&')}"` };
    },
    remove(instance) {
      for (const path of Object.values(socketsOf(layout, instance))) rmSync(path, { force: true });
    },
    sweep: (running) =>
      removeOthers(
        layout.sockets,
        running.flatMap((instance) => Object.values(socketsOf(layout, instance))),
      ),
  };
}

/** Empties the folder of all files but these; one that is not there is empty. */
export async function removeOthers(folder: string, kept: readonly string[]): Promise<void> {
  const names = await readdir(folder).catch(noFolder);
  for (const path of names.map((name) => join(folder, name))) if (!kept.includes(path)) rmSync(path, { force: true });
}

function noFolder(error: NodeJS.ErrnoException): string[] {
  if (error.code !== 'ENOENT') throw error;
  return [];
}
