import { request } from 'node:http';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

export interface Question {
  port?: number;
  socket?: string;
  method?: string;
  path: string;
  headers?: Record<string, string>;
  /** Text is sent as it is, anything else as JSON. */
  body?: unknown;
}

const ANSWER_LIMIT_MS = 30_000;

/** One request on a connection of its own, never repeated. */
export function ask({ port, socket, method = 'GET', path, headers = {}, body }: Question): Promise<Answer> {
  const address = socket === undefined ? { host: '127.0.0.1', port } : { socketPath: socket };
  return new Promise((resolve, reject) => {
    const sent = request({ ...address, method, path, headers, agent: false, timeout: ANSWER_LIMIT_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString('utf8') });
      });
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer to ${method} ${path} within ${ANSWER_LIMIT_MS} ms`)));
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  });
}
