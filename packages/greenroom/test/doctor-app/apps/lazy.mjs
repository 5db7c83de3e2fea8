import { page, serve } from './serve.mjs';

let ready;

serve(async (_request, response) => {
  ready ??= new Promise((resolve) => setTimeout(resolve, 600));
  await ready;
  page(response, 'Hello');
});
