import { page, serve } from './serve.mjs';

serve((_request, response) => page(response, 'Hello'), { port: process.env.FIXED_PORT });
