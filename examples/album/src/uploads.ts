import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** What a picture may be, and how its file ends. */
const ENDINGS: Record<string, string> = { 'image/png': 'png', 'image/jpeg': 'jpg', 'image/webp': 'webp' };
const MAX_BYTES = 5 * 2 ** 20;
const NAME = /^[0-9a-f-]{36}\.(png|jpg|webp)$/;

export interface Uploads {
  /** Keeps a picture, or answers a sentence that says why not. It is there as a whole or not at all. */
  keep(picture: Readable, type: string): Promise<{ file: string } | { problem: string }>;
  /** Null for a name that no picture can have. The stream fails when there is none. */
  read(file: string): { type: string; picture: Readable } | null;
}

/** Pictures in a folder that all releases share: `shared_paths` of the contract mounts it. */
export function openUploads(folder: string): Uploads {
  mkdirSync(folder, { recursive: true });
  return {
    async keep(picture, type) {
      const ending = ENDINGS[type];
      if (ending === undefined) return { problem: 'A picture is a PNG, JPEG or WebP file.' };
      const file = `${randomUUID()}.${ending}`;
      const partial = join(folder, `${file}.part`);
      let bytes = 0;
      const limited = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
        for await (const chunk of chunks) {
          bytes += chunk.length;
          if (bytes > MAX_BYTES) return;
          yield chunk;
        }
      };
      try {
        await pipeline(picture, limited, createWriteStream(partial, { mode: 0o600 }));
        if (bytes === 0 || bytes > MAX_BYTES) return { problem: `A picture has from 1 to ${MAX_BYTES} bytes.` };
        await rename(partial, join(folder, file));
        return { file };
      } finally {
        await rm(partial, { force: true });
      }
    },
    read(file) {
      const ending = NAME.exec(file)?.[1];
      const type = Object.keys(ENDINGS).find((it) => ENDINGS[it] === ending);
      return type === undefined ? null : { type, picture: createReadStream(join(folder, file)) };
    },
  };
}
