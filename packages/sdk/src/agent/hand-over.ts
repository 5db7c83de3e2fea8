import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import type { HandOver } from '../chat.ts';
import { INSTANCE_ENV } from '../wire.ts';

/** How the app finds the agent, or why it does not: a sentence with what to do. */
export type Found = { handOver: HandOver; problem?: never } | { handOver?: never; problem: string };

/** What Greenroom tells the app it runs of the coding agent; null outside Greenroom, or when the contract has no `agent`. */
export function readHandOver(env: NodeJS.ProcessEnv = process.env): HandOver | null {
  return findHandOver(env).handOver ?? null;
}

/** Reads `greenroom.json` beside the contract's copy. Read anew each time: it is small, and an orchestrator that was restarted may have changed it. */
export function findHandOver(env: NodeJS.ProcessEnv): Found {
  const contract = env[INSTANCE_ENV.contract];
  if (!contract) {
    return {
      problem: 'The coding agent works when Greenroom runs the app, and this app was started without it. "greenroom start" runs it.',
    };
  }
  const file = join(dirname(contract), 'greenroom.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    if (error.code !== 'ENOENT') return { problem: `What Greenroom says of the coding agent cannot be read: ${file} (${error.code}).` };
    return {
      problem: 'The contract has no coding agent. Add "agent": {} to the contract, then restart the orchestrator.',
    };
  }
  return (
    understand(text) ?? {
      problem: `${file} is not understood: this version of @greenroom/sdk and the orchestrator's do not fit. Update both.`,
    }
  );
}

function understand(text: string): Found | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isHandOver(value) ? { handOver: value } : null;
}

function isHandOver(value: unknown): value is HandOver {
  if (typeof value !== 'object' || value === null) return false;
  const { version, command, data, app, chat_path, chat_socket } = value as Record<string, unknown>;
  return (
    version === 1 &&
    Array.isArray(command) &&
    command.length > 0 &&
    command.every((part) => typeof part === 'string') &&
    isPath(data) &&
    isPath(chat_socket) &&
    isPath(chat_path) &&
    typeof app === 'string'
  );
}

function isPath(value: unknown): boolean {
  return typeof value === 'string' && isAbsolute(value);
}
