/**
 * The first program of a sandbox: `node inside.ts OPTIONS PROGRAM ARGUMENT…`, the options as JSON. Opens the doors, runs the program with its own input and
 * output, and ends as that did; or tells how it ended and stays until it is ended from outside.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { constants } from 'node:os';
import { type EndedInside, TOLD_ON } from './ended.ts';
import type { InsideOptions } from './inside-command.ts';

const NOT_STARTED = 127;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const [, , options = '{}', file = '', ...args] = process.argv;
const { doors, holds } = JSON.parse(options) as InsideOptions;
for (const { port, socket } of doors) {
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const far = connect({ path: socket, allowHalfOpen: true });
    client.pipe(far).pipe(client);
    client.on('error', () => far.destroy());
    far.on('error', () => client.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}
// What is meant for the program's group reaches the program itself.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
const child = spawn(file, args, { stdio: 'inherit' });
child.once('error', (error) => end({ code: NOT_STARTED, signal: null, error: error.message }));
child.once('exit', (code, signal) => end({ code, signal }));

function end(ended: EndedInside): void {
  if (!holds) process.exit(ended.code ?? 128 + constants.signals[ended.signal ?? 'SIGKILL']);
  writeSync(TOLD_ON, `${JSON.stringify(ended)}\n`);
  setInterval(() => undefined, LONGEST_TIMER_MS);
}
