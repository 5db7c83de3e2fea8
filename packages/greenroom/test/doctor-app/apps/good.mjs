import { createHmac } from 'node:crypto';
import { page, serve } from './serve.mjs';

const sign = (text) => createHmac('sha256', process.env.SESSION_SECRET).update(text).digest('hex').slice(0, 16);

serve(async (request, response) => {
  const [, name, mark] = /who=(\w+)\.(\w+)/.exec(request.headers.cookie ?? '') ?? [];
  if (request.url === '/slow') await new Promise((resolve) => setTimeout(resolve, 150));
  if (name !== undefined && mark === sign(name)) return page(response, `Hello again, ${name}`);
  const fresh = `guest${process.hrtime.bigint()}`;
  response.setHeader('set-cookie', `who=${fresh}.${sign(fresh)}; HttpOnly; SameSite=Lax`);
  page(response, 'Hello');
});
