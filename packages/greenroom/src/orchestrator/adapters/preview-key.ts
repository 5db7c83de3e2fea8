import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { writeDurably } from './durable.ts';

const KEY_BYTES = 32;

/** The key that previews are derived from, made on first use. Losing it only changes the paths of previews. */
export async function readPreviewKey(file: string): Promise<Buffer> {
  const known = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const key = Buffer.from(known.trim(), 'hex');
  if (key.length === KEY_BYTES) return key;
  const made = randomBytes(KEY_BYTES);
  await writeDurably(file, `${made.toString('hex')}\n`, 0o600);
  return made;
}
