import type { ChatCaller } from '../chat.ts';

/** Value of the header that names the caller to the chat service. */
export function encodeCaller(caller: ChatCaller): string {
  return Buffer.from(JSON.stringify(caller)).toString('base64url');
}
