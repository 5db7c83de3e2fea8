import { spawn } from 'node:child_process';
import { page, serve } from './serve.mjs';

spawn('sleep', ['300'], { detached: true, stdio: 'ignore' }).unref();
serve((_request, response) => page(response, 'Hello'));
