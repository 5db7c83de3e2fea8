import { createServer } from 'node:http';
import { page, serve } from './serve.mjs';

createServer((_request, response) => response.end('metrics')).listen(process.env.FIXED_PORT, '127.0.0.1');
serve((_request, response) => page(response, 'Hello'));
