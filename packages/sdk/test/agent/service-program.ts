/**
 * A stand-in for `greenroom chat`, as a process of its own: `node service-program.ts chat --mounted --data DIR`. Writes down how it was started, a
 * line in `DIR/starts.jsonl` each time, and listens on `DIR/run/chat-app.sock`. The files `DIR/fail` and `DIR/slow` make it exit with code 3, and
 * wait until they are gone.
 */
import { appendFileSync, existsSync, rmSync, watch } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

export interface Start {
  pid: number;
  args: string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
}

const args = process.argv.slice(2);
const data = args[args.indexOf('--data') + 1] ?? '';
const start: Start = { pid: process.pid, args, cwd: process.cwd(), env: process.env };
appendFileSync(join(data, 'starts.jsonl'), `${JSON.stringify(start)}\n`);
if (existsSync(join(data, 'fail'))) process.exit(3);
while (existsSync(join(data, 'slow'))) await change();

const socket = join(data, 'run', 'chat-app.sock');
rmSync(socket, { force: true });
createServer((request, response) => {
  response.setHeader('x-pid', process.pid);
  response.end(request.url);
}).listen(socket);

function change(): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(data, () => {
      watcher.close();
      resolve();
    });
    // It may have gone between the look and the watch.
    if (!existsSync(join(data, 'slow'))) watcher.emit('change');
  });
}
