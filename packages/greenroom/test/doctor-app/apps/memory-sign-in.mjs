import { randomUUID } from 'node:crypto';
import { page, serve } from './serve.mjs';

const users = new Map();

serve(async (request, response) => {
  if (request.method === 'POST') {
    const id = randomUUID();
    let form = '';
    for await (const chunk of request) form += chunk;
    users.set(id, new URLSearchParams(form).get('name'));
    response.writeHead(303, { location: '/', 'set-cookie': `sid=${id}; HttpOnly` });
    return response.end();
  }
  const name = users.get(/sid=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1]);
  if (name === undefined) response.statusCode = 401;
  page(response, name ?? 'Sign in');
});
