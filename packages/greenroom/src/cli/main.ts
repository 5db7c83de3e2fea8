#!/usr/bin/env node
import { keepCompiled } from '../compile-cache.ts';
import { EXIT } from './context.ts';

keepCompiled();
closeQuietly();

const { runCli } = await import('./run.ts');
process.exitCode = await runCli(process.argv.slice(2));

/** `greenroom log | head` ends the pipe early, which is no error. */
function closeQuietly(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(EXIT.ok);
  });
}
