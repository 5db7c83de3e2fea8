import { appendFileSync } from 'node:fs';
import { page, serve } from './serve.mjs';

serve((_request, response) => {
  appendFileSync('debug.log', 'one\n');
  page(response, 'Noted');
});
