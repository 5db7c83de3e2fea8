import { page, serve } from './serve.mjs';

serve((_request, response) => page(response, 'Hello'), { stop: (server) => server.close() });
