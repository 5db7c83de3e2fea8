import { z } from 'zod';
import { readForeignJson } from './foreign-json.ts';

const reportSchema = z.object({
  version: z.literal(1),
  human_commit: z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/),
  conversation: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
});

export type AgentReport = z.output<typeof reportSchema>;

/** What the last turn that gave something up has left; null when there is nothing, or nothing that can be understood. */
export function readAgentReport(file: string): Promise<AgentReport | null> {
  return readForeignJson(file, reportSchema);
}
