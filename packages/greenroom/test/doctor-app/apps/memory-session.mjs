import { randomUUID } from 'node:crypto';
import { page, serve } from './serve.mjs';

const sessions = new Set();

serve((request, response) => {
  const id = /sid=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1];
  if (sessions.has(id)) return page(response, 'Welcome back');
  const fresh = randomUUID();
  sessions.add(fresh);
  response.setHeader('set-cookie', `sid=${fresh}`);
  page(response, 'Welcome');
});
