import { join } from 'node:path';

/** How this command is run again: by the same Node, from the same files. */
export function greenroomCommand(): string[] {
  return [process.execPath, join(import.meta.dirname, import.meta.filename.endsWith('.ts') ? 'main.ts' : 'main.js')];
}
