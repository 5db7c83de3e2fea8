import { extname, join } from 'node:path';
import type { Layer } from '../command.ts';
import type { Door } from './bubblewrap.ts';

/** The first program of a sandbox. */
export const INSIDE = join(import.meta.dirname, `inside${extname(import.meta.filename)}`);

export interface InsideOptions {
  doors: readonly Door[];
  holds: boolean;
}

/** Starts a command by way of that program, which opens the doors first. */
export function inside(options: InsideOptions): Layer {
  return ({ file, args }) => ({ file: process.execPath, args: ['--no-warnings', INSIDE, JSON.stringify(options), file, ...args] });
}
