import { page, serve } from './serve.mjs';

serve((_request, response) => setTimeout(() => page(response, 'Done'), 250), { stop: () => process.exit(0) });
