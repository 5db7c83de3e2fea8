import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Path below which the chat with the coding agent is served on this app's host; empty when there is none. The orchestrator writes it beside the copy of
 * the contract that it gives to the app. Who may use the chat is decided there, not here.
 */
export function chatPath(env: NodeJS.ProcessEnv): string {
  const contract = env['GREENROOM_CONTRACT'];
  const file = contract === undefined ? '' : join(dirname(contract), 'greenroom.json');
  if (file === '' || !existsSync(file)) return '';
  const { chat_path } = JSON.parse(readFileSync(file, 'utf8')) as { chat_path: string };
  return chat_path.replace(/\/+$/, '');
}
