// The app of the end-to-end tests. `behaviour.json` beside it, part of the commit, says what it does wrong; without it, it is a good app.
const { spawn } = require('node:child_process');
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { join } = require('node:path');

const file = join(__dirname, 'behaviour.json');
const behaviour = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
let sick = false;

for (const line of behaviour.says ?? []) console.log(line);
if (behaviour.exits) {
  process.stderr.write(`${behaviour.exits}\n`);
  process.exit(3);
}
const eat = () => {
  for (const kept = []; ; ) kept.push(Buffer.alloc(4e6, 1));
};
if (behaviour.eats) eat();
if (behaviour.daemon && !process.env.IN_BACKGROUND) {
  spawn(process.execPath, [__filename], { stdio: 'ignore', detached: true, env: { ...process.env, IN_BACKGROUND: '1' } }).unref();
  process.exit(0);
}
if (behaviour.floods) {
  const line = `${'flood '.repeat(30)}\n`;
  for (let left = behaviour.floods; left > 0; left -= line.length) process.stdout.write(line);
}
for (const detached of behaviour.forks ?? []) {
  // Neither the end of its parent nor SIGTERM ends it, and with "detached" it has left the process group as well.
  const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => undefined); setInterval(() => undefined, 1e6)'], {
    stdio: 'ignore',
    detached,
  });
  child.unref();
}
if (behaviour.ignoresSigterm) process.on('SIGTERM', () => undefined);

const routes = {
  '/': (response) => response.end(`${behaviour.name ?? 'app'}\n`),
  '/env': (response) => response.end(JSON.stringify(process.env)),
  '/deep': (response) => {
    if (behaviour.exitsAtDeepCheck) {
      process.stderr.write('no database\n');
      process.exit(4);
    }
    response.statusCode = behaviour.deepStatus ?? 200;
    response.end(behaviour.deepBody ?? JSON.stringify({ database: 'ok', tables: { notes: 1 } }));
  },
  '/contract': (response) => response.end(readFileSync(process.env.GREENROOM_CONTRACT)),
  '/write': (response) => {
    writeFileSync(join(__dirname, 'data', 'note.txt'), 'kept');
    response.end('written');
  },
  '/note': (response) => response.end(readFileSync(join(__dirname, 'data', 'note.txt'))),
  '/slow': (response) => setTimeout(() => response.end('slow\n'), 400),
  '/sick': (response) => {
    sick = true;
    response.end('sick from now on\n');
  },
  '/eat': eat,
  '/crash': () => {
    process.stderr.write('crashed on purpose\n');
    process.exit(7);
  },
};

const visitors = createServer((request, response) => {
  response.setHeader('x-commit', process.env.GREENROOM_COMMIT ?? '');
  const route = routes[request.url];
  if (route) route(response);
  else response.writeHead(404).end();
});
let schemaReads = 0;
// The database is a file: the version that it is at, and that it is at from the second look of this process on.
const schemaStatus = (response) => {
  const { version, then = version } = JSON.parse(readFileSync(process.env.SCHEMA_FILE, 'utf8'));
  const [min, max] = behaviour.schema;
  const current = schemaReads++ === 0 ? version : then;
  response.end(
    JSON.stringify({
      current_schema_version: current,
      code_min_schema_version: min,
      code_max_schema_version: max,
      pending_migrations: Math.max(0, max - current),
      compatible: current >= min && current <= max,
    }),
  );
};
const internal = createServer((request, response) => {
  response.setHeader('x-commit', process.env.GREENROOM_COMMIT ?? '');
  if (request.url === '/schema' && behaviour.schema) return schemaStatus(response);
  response.statusCode = sick ? 503 : (behaviour.health ?? 200);
  response.end(sick ? 'sick\n' : 'health\n');
});

if (behaviour.neverListens) {
  console.log('waiting for nothing');
  setInterval(() => undefined, 1e6);
} else {
  setTimeout(() => {
    visitors.listen(Number(process.env.PORT), '127.0.0.1', () => {
      if (process.env.INTERNAL_PORT) internal.listen(Number(process.env.INTERNAL_PORT), '127.0.0.1');
      if (process.env.INTERNAL_SOCKET) internal.listen(process.env.INTERNAL_SOCKET);
    });
  }, behaviour.listensAfterMs ?? 0);
}
