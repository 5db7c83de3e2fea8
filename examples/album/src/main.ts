import { run } from './server.ts';

await run(process.env);
