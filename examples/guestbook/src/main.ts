import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Before the rest is loaded: a second start then skips compiling and type stripping. Node's default below /tmp is anybody's who is there first.
enableCompileCache(join(process.env['DATA_DIR'] ?? 'data', 'compile-cache'));
const { run } = await import('./server.ts');
run();
