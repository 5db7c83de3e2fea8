import { chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs';
import type { Contract } from '../../core/contract.ts';
import { internalSocketOf, type Layout } from '../../layout.ts';
import { removeOthers } from './listen-sockets.ts';

/** The Unix sockets on which instances serve their internal routes, in a folder that only they and the orchestrator may enter. */
export interface InternalSockets {
  /** Path for a new instance, free to be listened on; empty for an app without an internal socket. Makes the folder. */
  open(instance: string): string;
  /** After the instance's end: what a killed process left. */
  remove(instance: string): void;
  /** Removes what is left of instances that are not among these. */
  sweep(running: readonly string[]): Promise<void>;
}

/** `appGroup` is the group that instances run with, where they run as another user. */
export function createInternalSockets(
  layout: Pick<Layout, 'internalSockets'>,
  { internal_socket }: Pick<Contract, 'internal_socket'>,
  appGroup?: number,
): InternalSockets {
  return {
    open(instance) {
      if (internal_socket === undefined) return '';
      const folder = layout.internalSockets;
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      if (appGroup !== undefined) {
        chownSync(folder, process.geteuid?.() ?? 0, appGroup);
        chmodSync(folder, 0o770);
      }
      return internalSocketOf(layout, instance);
    },
    remove: (instance) => rmSync(internalSocketOf(layout, instance), { force: true }),
    sweep: (running) =>
      removeOthers(
        layout.internalSockets,
        running.map((instance) => internalSocketOf(layout, instance)),
      ),
  };
}
