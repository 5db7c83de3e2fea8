import { page, serve } from './serve.mjs';

let visits = 0;

serve((_request, response) => {
  visits += 1;
  page(response, `You are visitor ${visits}`);
});
