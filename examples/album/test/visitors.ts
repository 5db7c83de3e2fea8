import { type Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';

/** The smallest PNG. */
const PICTURE = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
}

/** One request, never repeated. */
export function send(
  port: number,
  method: string,
  path: string,
  { headers = {}, body, agent = false }: { headers?: Record<string, string>; body?: string | Buffer; agent?: Agent | false } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const sent = request({ host: '127.0.0.1', port, method, path, agent, headers: { ...length, ...headers } }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }), reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Signs in, with the key as an editor; answers the cookie. */
export async function signIn(port: number, name: string, key = ''): Promise<string> {
  const answer = await send(port, 'POST', '/sign-in', { body: new URLSearchParams({ name, key }).toString() });
  return String(answer.headers['set-cookie']?.[0]).split(';')[0] ?? '';
}

export function hangUp(port: number, cookie: string, caption: string, agent: Agent | false = false): Promise<Answer> {
  const path = `/photos?caption=${encodeURIComponent(caption)}`;
  return send(port, 'POST', path, { headers: { cookie, 'content-type': 'image/png' }, body: PICTURE, agent });
}
