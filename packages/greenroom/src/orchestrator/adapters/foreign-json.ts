import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { z } from 'zod';

const MOST_BYTES = 64 * 1024;

/** A small file that the agent's side writes, as far as the schema understands it: who holds its rights may write anything. Null when there is none. */
export async function readForeignJson<T>(file: string, schema: z.ZodType<T>): Promise<T | null> {
  try {
    // Neither a link nor a pipe.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MOST_BYTES), 0, MOST_BYTES, 0);
    const parsed = schema.safeParse(JSON.parse(buffer.toString('utf8', 0, bytesRead)));
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error)) return null;
    throw error;
  }
}
