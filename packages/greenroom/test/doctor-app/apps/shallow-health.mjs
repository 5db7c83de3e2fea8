import { page, serve } from './serve.mjs';

serve((_request, response) => page(response, 'Hello'), { healthy: () => true });
