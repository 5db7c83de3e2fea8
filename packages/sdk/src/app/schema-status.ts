/** What the orchestrator reads is what the app answers. */
export type { SchemaStatus } from '../wire.ts';
