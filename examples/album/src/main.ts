import { enableCompileCache } from 'node:module';

// Before the rest is loaded: a second start then skips compiling and type stripping.
enableCompileCache();
const { run } = await import('./server.ts');
await run(process.env);
