// The app of the recovery tests. What it does is in `behaviour.json`, part of the commit; files in the run's `control/` folder hold it up while
// a test looks at it, so that no test has to guess how long something takes.
const { spawn } = require('node:child_process');
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { join } = require('node:path');

const control = join(__dirname, '..', '..', 'control');
const behaviour = JSON.parse(readFileSync(join(__dirname, 'behaviour.json'), 'utf8'));
const POLL_MS = 10;

if (behaviour.exits) {
  process.stderr.write('exits on purpose\n');
  process.exit(3);
}
if (behaviour.forks) {
  // Neither the end of its parent nor SIGTERM ends it, and it has left the process group.
  const code = 'process.on("SIGTERM", () => undefined); setInterval(() => undefined, 1e6)';
  spawn(process.execPath, ['-e', code], { stdio: 'ignore', detached: true }).unref();
}
if (behaviour.ignoresSigterm) process.on('SIGTERM', () => writeFileSync(join(control, 'sigterm-seen'), ''));

/** Answers when the file is there; a test that ends early must not leave a request waiting for ever. */
function whenThere(name, act) {
  const deadline = Date.now() + 20_000;
  const timer = setInterval(() => {
    if (!existsSync(join(control, name)) && Date.now() < deadline) return;
    clearInterval(timer);
    act();
  }, POLL_MS);
}

const visitors = createServer((request, response) => {
  response.setHeader('x-app-commit', process.env.GREENROOM_COMMIT ?? '');
  if (request.url === '/echo') request.pipe(response);
  else if (request.url === '/held') whenThere('release', () => response.end('held\n'));
  else if (request.url === '/deep' && behaviour.deep === 'held') {
    writeFileSync(join(control, 'deep-asked'), '');
    whenThere('release', () => response.end('deep\n'));
  } else response.end(`${process.pid}\n`);
});
const internal = createServer((_, response) => {
  const sick = behaviour.health === 'held' && !existsSync(join(control, 'release'));
  if (sick) writeFileSync(join(control, 'health-asked'), '');
  response.writeHead(sick ? 503 : 200).end('health\n');
});
visitors.listen(Number(process.env.PORT), '127.0.0.1', () => internal.listen(Number(process.env.INTERNAL_PORT), '127.0.0.1'));
