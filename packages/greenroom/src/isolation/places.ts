import { basename, dirname } from 'node:path';
import type { Layout } from '../orchestrator/layout.ts';

/** Who things of an isolated app belong to, by number. */
export interface Owners {
  orchestrator: { uid: number; gid: number };
  app: { uid: number; gid: number };
  setup: { uid: number; gid: number };
  agent: { uid: number; gid: number } | null;
  /** Group that may go through the data directory. */
  run: number;
}

/** How one file or folder has to be. */
export interface Place {
  path: string;
  kind: 'folder' | 'file';
  uid: number;
  gid: number;
  /** Permission bits, with set-user-id and its like. */
  mode: number;
  /** The orchestrator's own: root may have made it too. */
  trusted: boolean;
  /** Made when it is missing; otherwise whatever needs it makes it. */
  made: boolean;
}

export interface PlaceOptions {
  /** A proxy that is another user's reaches the instances through the data directory. */
  foreignProxy: boolean;
}

/**
 * The data directory of an isolated app, from the outside in. What is not among these lies in a private folder, or is a file that the orchestrator
 * makes with a mask that leaves others nothing.
 */
export function placesOf(layout: Layout, owners: Owners, { foreignProxy }: PlaceOptions): Place[] {
  const { orchestrator, app, setup, agent, run } = owners;
  const folder = (path: string, { uid, gid }: { uid: number; gid: number }, mode: number, made = true): Place => ({
    path,
    kind: 'folder',
    uid,
    gid,
    mode,
    trusted: uid === orchestrator.uid,
    made,
  });
  const file = (path: string): Place => ({ path, kind: 'file', ...orchestrator, mode: 0o600, trusted: true, made: false });
  const slot = { uid: orchestrator.uid, gid: setup.gid };
  return [
    folder(layout.data, { uid: orchestrator.uid, gid: run }, foreignProxy ? 0o711 : 0o710),
    folder(layout.repo, orchestrator, 0o700, false),
    ...[layout.journal, layout.state, layout.secrets, layout.app, layout.orchestratorLog, layout.lock, layout.previewKey].map(file),
    folder(layout.logs, orchestrator, 0o700),
    folder(layout.agent, orchestrator, 0o700),
    folder(layout.run, orchestrator, 0o711),
    folder(dirname(layout.agentDoor), orchestrator, 0o711),
    folder(layout.instances, orchestrator, 0o700),
    folder(layout.slot('a'), slot, 0o2775),
    folder(layout.slot('b'), slot, 0o2775),
    folder(layout.shared, app, 0o2770),
    folder(layout.sockets, { uid: orchestrator.uid, gid: app.gid }, 0o2771),
    folder(layout.internalSockets, { uid: orchestrator.uid, gid: app.gid }, 0o770, false),
    folder(homeOf(layout, 'app'), app, 0o700),
    folder(homeOf(layout, 'setup'), setup, 0o700),
    ...(agent ? [folder(homeOf(layout, 'agent'), agent, 0o700), folder(layout.workspace, agent, 0o700, false)] : []),
  ];
}

/** Home folder of one of the users. */
export function homeOf({ data }: Pick<Layout, 'data'>, whose: 'app' | 'setup' | 'agent'): string {
  return `${data}/${whose}-home`;
}

/** Folders of the orchestrator that nobody else can enter. */
export const privateTrees = (layout: Layout): string[] => [layout.repo, layout.logs, layout.agent, layout.instances];

/** What belongs to one user with all that is in it. */
export function treesOf(layout: Layout, owners: Owners): { path: string; uid: number; gid: number }[] {
  const { orchestrator, app, setup, agent } = owners;
  const own = privateTrees(layout).map((path) => ({ path, ...orchestrator }));
  const slots = [layout.slot('a'), layout.slot('b')].map((path) => ({ path, uid: orchestrator.uid, gid: setup.gid }));
  return [...own, ...slots, { path: layout.shared, ...app }, ...(agent ? [{ path: layout.workspace, ...agent }] : [])];
}

/** For people: octal, as `chmod` takes it. */
export const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

/** For people: the place's name in the data directory. */
export const nameOf = ({ path }: Place, layout: Pick<Layout, 'data'>): string =>
  path === layout.data ? basename(path) : path.slice(layout.data.length + 1);
