import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Authorize, judge, requireAuthorize } from './authorize.ts';

export interface AuthorizeHandlerOptions {
  /** Is told what the app has to repair, such as an error of `authorize`; `console.error` without. */
  onError?: (error: unknown) => void;
}

/**
 * For a chat that is served past the app: answers the contract's `agent.authorize_endpoint` on the app's internal port. The chat service asks it
 * with the cookies and the authorization of whoever wants to chat, and with the address they asked for in `x-greenroom-original-uri`.
 * 200 with `{user, approve}`, 403 for everybody else, 503 when `authorize` fails. Refuses by itself only what `authorize` refuses.
 */
export function authorizeHandler<Context = unknown>(
  authorize: Authorize<IncomingMessage & Context>,
  { onError = (error) => console.error('The chat of the app:', error) }: AuthorizeHandlerOptions = {},
): (request: IncomingMessage & Context, response: ServerResponse) => Promise<void> {
  requireAuthorize('authorizeHandler', authorize);
  return async (request, response) => {
    const { caller, refused } = await judge(authorize, request, onError);
    const status = caller ? 200 : refused.status === 401 ? 403 : refused.status;
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(JSON.stringify(caller ?? { ...refused.refusal, ...(status === 403 && { code: 'forbidden' }) }));
  };
}
