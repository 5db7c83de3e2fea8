import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'node:test';
import { createNginxRouter } from '../../src/orchestrator/adapters/router/nginx/router.ts';
import { keyOf } from '../../src/orchestrator/adapters/router/nginx/upstream.ts';
import { RouterError } from '../../src/orchestrator/adapters/router/router-error.ts';
import { layoutOf, socketsOf } from '../../src/orchestrator/layout.ts';
import { fetchOnce, freePort, until } from '../proxy/rig.ts';
import { startInstance } from './suite/instance.ts';
import { startNginxRig } from './suite/nginx-rig.ts';
import { testRouter } from './suite.ts';

const nginx = { keepsStreams: true, routes: true };

testRouter({ ...nginx, name: 'nginx by socket', tellsStreams: true, mayReset: false }, (t) => startNginxRig(t, 'socket'));

/** A reload closes idle connections, also in the moment that a client begins to use one again. */
testRouter({ ...nginx, name: 'nginx by port', tellsStreams: false, mayReset: true, onlySwaps: true }, (t) => startNginxRig(t, 'port'));

test('nginx: what is changed or removed of an app is put back, and what stops that is said', async (t) => {
  const rig = await startNginxRig(t, 'socket');
  const setting = { app: 'shop', port: await freePort(), routes: [{ host: 'shop.example.com', port: rig.routePort }] };
  const router = rig.router(setting);
  await router.register();
  await router.switchTo(await rig.instance(setting, 'i1'));
  const files = (await readdir(rig.configDir, { recursive: true }))
    .filter((name) => name.endsWith('.conf'))
    .map((name) => join(rig.configDir, name));
  assert.equal(files.length, 2);
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  const whole = async (): Promise<boolean> => {
    const found = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
    return found.join() === texts.join();
  };
  for (const spoil of [
    () => appendFile(rig.fileOf(setting), 'nonsense'),
    () => writeFile(rig.fileOf(setting), ''),
    () => Promise.all(files.map((file) => unlink(file))),
  ]) {
    const said = rig.lines.length;
    await spoil();
    await until(() => rig.lines.length > said);
    assert.match(rig.lines.at(-1) ?? '', /had been changed or lost, and was put back/);
    assert.ok(await whole());
  }
  assert.equal((await fetchOnce(rig.routePort, '/', { headers: { Host: 'shop.example.com' } })).body, 'i1');
  // Moved away at once: it is put back while one is still removing it.
  await rename(rig.configDir, `${rig.configDir}.gone`);
  assert.equal(await router.current(), 'i1');
  assert.ok(await whole());
  let moves = 0;
  const replaceByFile = async (): Promise<boolean> => {
    await rename(rig.configDir, `${rig.configDir}.gone-${moves++}`).catch((error: NodeJS.ErrnoException) =>
      assert.equal(error.code, 'ENOENT'),
    );
    return await writeFile(rig.configDir, 'not a folder', { flag: 'wx' }).then(
      () => true,
      // Put back in between.
      (error: NodeJS.ErrnoException) => error.code !== 'EEXIST' && assert.fail(error),
    );
  };
  await until(replaceByFile);
  await assert.rejects(router.current(), /cannot write nginx's files to .*greenroom\.d .*"config_dir" in "router" of the contract/);
  await rm(rig.configDir);

  const operators = await readFile(rig.nginxConf, 'utf8');
  await writeFile(rig.nginxConf, operators.replace(/^\s*include .*$/m, ''));
  process.kill(rig.pid(), 'SIGHUP');
  await until(() =>
    fetchOnce(setting.port, '/').then(
      () => false,
      () => true,
    ),
  );
  await assert.rejects(
    router.current(),
    /does not read .*greenroom\.d: write "include .*greenroom\.d\/\*\.conf;" as the last line of the http block/,
  );
  await writeFile(rig.nginxConf, operators);
  assert.equal(await router.current(), 'i1');
  assert.equal((await fetchOnce(setting.port, '/')).body, 'i1');
});

test('nginx: a configuration that it refuses is taken back, and others are not disturbed', async (t) => {
  const rig = await startNginxRig(t, 'socket');
  const other = { app: 'blog', port: await freePort() };
  await rig.router(other).register();
  const before = await readdir(rig.configDir);
  const certificates = { certificate: '/nonexistent/c.pem', key: '/nonexistent/k.pem' };
  const refused = { app: 'shop', port: await freePort(), routes: [{ port: rig.routePort, tls: certificates }] };
  await assert.rejects(rig.router(refused).register(), (error: Error) => {
    assert.ok(error instanceof RouterError);
    return /refuses the configuration of app "shop": cannot load certificate "\/nonexistent\/c\.pem"/.test(error.message);
  });
  // What only all files together are wrong with.
  const operators = await readFile(rig.nginxConf, 'utf8');
  const twin = { app: 'shop', port: await freePort() };
  const name = `greenroom_${keyOf(rig.options(twin).app)}`;
  await writeFile(rig.nginxConf, operators.replace('http {', `http {\nupstream ${name} { server 127.0.0.1:9; }`));
  await assert.rejects(rig.router(twin).register(), new RegExp(`refuses the configuration of app "shop": duplicate upstream "${name}"`));
  const site = `server { listen 127.0.0.1:${rig.routePort}; server_name www.mine.test mine.test; return 200 mine; }`;
  await writeFile(rig.nginxConf, operators.replace('http {', `http {\n${site}`));
  await assert.rejects(
    rig.router({ ...twin, routes: [{ host: 'mine.test', port: rig.routePort }] }).register(),
    new RegExp(
      `mine\\.test:${rig.routePort}, which app "shop" wants, is taken by a server of nginx's own configuration, in ${rig.nginxConf}: `,
    ),
  );
  await writeFile(rig.nginxConf, operators);
  assert.deepEqual(await readdir(rig.configDir), before);
  execFileSync(rig.command[0] ?? '', [...rig.command.slice(1), '-t'], { stdio: 'ignore' });
  assert.equal((await fetchOnce(other.port, '/')).status, 503);
});

test('nginx: an app of any name, and hosts as long as nginx has been told to take', async (t) => {
  const rig = await startNginxRig(t, 'socket');
  const setting = {
    app: 'customer-portal-frontend-of-the-northern',
    port: await freePort(),
    internalPort: await freePort(),
    trustedProxies: ['127.0.0.0/8'],
    chat: { path: '/.greenroom', socket: join(rig.folder, 'chat.sock') },
  };
  const serve = async (host: string): Promise<void> => {
    const router = rig.router({ ...setting, routes: [{ host, port: rig.routePort }] });
    await router.register().finally(() => router.close());
  };
  const from = async (host: string): Promise<number> => (await fetchOnce(rig.routePort, '/', { headers: { Host: host } })).status;
  const longest = 'l'.repeat(46 - '.example.com'.length);
  const [short, long, longer] = [`${longest}.example.com`, `${longest}l.example.com`, `${'l.'.repeat(110)}example.com`] as const;
  await serve(short);
  assert.deepEqual([await from(short), await from('b.example.com')], [503, 404]);
  const operators = await readFile(rig.nginxConf, 'utf8');
  const said = /server_names_hash.* 64\. .*"server_names_hash_bucket_size 512;" into the http block of your nginx\.conf/;
  await assert.rejects(serve(long), said);
  assert.equal(await from(short), 503, 'as before');
  await writeFile(rig.nginxConf, operators.replace('http {', 'http {\nserver_names_hash_bucket_size 512;'));
  await serve(longer);
  assert.equal(await from(longer), 503);
});

test('nginx: a swap by port that cannot be made leaves the route as it was', async (t) => {
  const rig = await startNginxRig(t, 'port');
  const setting = { app: 'shop', port: await freePort() };
  const router = rig.router(setting);
  await router.register();
  await router.switchTo(await rig.instance(setting, 'i1'));
  await rig.stop();
  const failed = await router.switchTo(await rig.instance(setting, 'i2'));
  assert.ok(!failed.ok);
  assert.equal(failed.failure.code, 'promote_failed');
  assert.match(failed.failure.error, /did not switch app "shop" to instance i2: nginx does not take a reload .*systemctl start nginx/);
  await rig.start();
  assert.equal(await router.current(), 'i1');
  assert.equal((await fetchOnce(setting.port, '/')).body, 'i1');
});

test('nginx: an orchestrator that is killed while it swaps by port leaves a configuration that works', async (t) => {
  const rig = await startNginxRig(t, 'port');
  const setting = { app: 'shop', port: await freePort() };
  const targets = [await rig.instance(setting, 'i1'), await rig.instance(setting, 'i2')].map(({ instance, host, port, internalPort }) => ({
    instance,
    host,
    port,
    internalPort,
  }));
  for (const pauseMs of [0, 7, 14, 21, 28]) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'nginx-child.ts'), JSON.stringify([rig.options(setting), targets])]);
    const exited = once(child, 'exit');
    // At another moment of a swap each time.
    await once(createInterface(child.stdout), 'line');
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    child.kill('SIGKILL');
    await exited;
    const router = rig.router(setting);
    await router.register();
    const live = await router.current();
    assert.ok(live === 'i1' || live === 'i2');
    assert.equal((await fetchOnce(setting.port, '/')).body, live);
    execFileSync(rig.command[0] ?? '', [...rig.command.slice(1), '-t'], { stdio: 'ignore' });
    router.close();
  }
  // As if it had died with files that nginx refuses.
  const { app } = rig.options(setting);
  await writeFile(join(rig.configDir, `.${app}.undo.json`), JSON.stringify([[`${app}.conf`, null]]));
  await writeFile(rig.fileOf(setting), 'nonsense');
  await rig.router(setting).register();
  assert.equal((await fetchOnce(setting.port, '/')).status, 503);
});

test('nginx: orchestrators that start at the same time take turns', async (t) => {
  const rig = await startNginxRig(t, 'socket');
  const settings = await Promise.all(
    ['a', 'b', 'c'].map(async (app) => ({ app, port: await freePort(), routes: [{ path: `/${app}`, port: rig.routePort }] })),
  );
  await Promise.all(
    settings.map(async (setting) => {
      const router = rig.router(setting);
      await router.register();
      await router.switchTo(await rig.instance(setting, setting.app));
    }),
  );
  for (const { app, port } of settings) {
    assert.equal((await fetchOnce(port, '/')).body, app);
    assert.equal((await fetchOnce(rig.routePort, `/${app}/x`)).body, app);
  }
  assert.equal((await fetchOnce(rig.routePort, '/other')).status, 404);
});

test('nginx: HTTPS with the given certificate, anew when it changes, and the word of a trusted proxy', async (t) => {
  const rig = await startNginxRig(t, 'socket');
  const tls = { certificate: join(rig.folder, 'tls', 'c.pem'), key: join(rig.folder, 'tls', 'k.pem') };
  await mkdir(join(rig.folder, 'tls'));
  makeCertificate(tls, 'first');
  const setting = { app: 'shop', port: await freePort(), routes: [{ host: 'shop.example.com', port: rig.routePort, tls }] };
  const router = rig.router({ ...setting, trustedProxies: ['127.0.0.0/8'] });
  await router.register();
  await router.switchTo(await rig.instance(setting, 'i1'));
  const first = await secure(rig.routePort, 'shop.example.com');
  assert.equal(first.issuer, 'first');
  const told = JSON.parse(first.body) as Record<string, string>;
  assert.deepEqual([told['x-forwarded-for'], told['x-forwarded-proto']], ['203.0.113.9', 'https']);
  await assert.rejects(secure(rig.routePort, 'other.example.com'), /unrecognized name|handshake|EPROTO|ECONNRESET/);
  makeCertificate(tls, 'second');
  await router.current();
  assert.equal((await secure(rig.routePort, 'shop.example.com')).issuer, 'second');
});

test('nginx: a data directory of any name', async (t) => {
  const rig = await startNginxRig(t, 'socket');
  const layout = layoutOf(join(rig.folder, 'with "quotes\\" \\ and $host; {}#'));
  const setting = { app: 'shop', port: await freePort(), internalPort: await freePort() };
  const router = createNginxRouter({ ...rig.options(setting), layout, log: () => undefined });
  const live = await startInstance(t, { instance: 'i1', sockets: socketsOf(layout, 'i1'), internal: true });
  await router.register();
  assert.ok((await router.switchTo(live)).ok);
  assert.equal((await fetchOnce(setting.port, '/')).body, 'i1');
  assert.equal((await fetchOnce(setting.internalPort, '/')).body, 'i1 internal');
  await router.deregister();
});

function makeCertificate({ certificate, key }: { certificate: string; key: string }, name: string): void {
  const subject = ['-subj', `/CN=${name}`, '-days', '1', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...subject, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
}

function secure(port: number, servername: string): Promise<{ issuer: string; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { Host: servername, 'X-Forwarded-For': '203.0.113.9' };
    const asked = https.get(
      { host: '127.0.0.1', port, path: '/headers', servername, headers, rejectUnauthorized: false, agent: false },
      (response) => {
        const issuer = String((response.socket as import('node:tls').TLSSocket).getPeerCertificate().issuer.CN);
        let body = '';
        response.on('data', (chunk: Buffer) => {
          body += chunk.toString();
        });
        response.on('end', () => resolve({ issuer, body }));
      },
    );
    asked.on('error', reject);
  });
}
