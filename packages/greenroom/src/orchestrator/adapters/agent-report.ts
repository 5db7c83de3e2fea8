import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { z } from 'zod';

/** Of what the agent's side writes only this is read: who holds its rights may write anything. */
const reportSchema = z.object({
  version: z.literal(1),
  human_commit: z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/),
  conversation: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
});

export type AgentReport = z.output<typeof reportSchema>;

const MOST_BYTES = 64 * 1024;

/** What the last turn that gave something up has left; null when there is nothing, or nothing that can be understood. */
export async function readAgentReport(file: string): Promise<AgentReport | null> {
  try {
    // Neither a link nor a pipe.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MOST_BYTES), 0, MOST_BYTES, 0);
    const parsed = reportSchema.safeParse(JSON.parse(buffer.toString('utf8', 0, bytesRead)));
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error)) return null;
    throw error;
  }
}
