import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import https from 'node:https';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { ProxyAppBody, ProxyStatus, ProxyTls } from '@greenroom/sdk/proxy';
import WebSocket, { type ClientOptions, WebSocketServer } from 'ws';
import { writeCertificate } from './certificates.ts';
import { type Fetched, fetchOnce, freePort, type ProxyRig, startApp, startProxyRig, targetOf, until } from './rig.ts';

type Asking = https.RequestOptions & { body?: string | Buffer };

/** By HTTPS, for a host that is this machine. */
function fetchSecure(port: number, host: string, path = '/', { body, ...rest }: Asking = {}): Promise<Fetched> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, servername: host, rejectUnauthorized: false, agent: false, headers: { Host: host } };
    const request = https.request({ ...options, ...rest }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      const { statusCode: status = 0, headers, rawHeaders: raw } = response;
      response.on('end', () => resolve({ status, headers, raw, body: Buffer.concat(chunks).toString(), trailers: {} }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function handshake(port: number, servername: string, options: object = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...(servername ? { servername } : {}), ...options });
  await once(socket, 'secureConnect');
  return socket;
}

async function certificateOf(port: number, servername: string): Promise<PeerCertificate> {
  const socket = await handshake(port, servername);
  const certificate = socket.getPeerCertificate();
  socket.destroy();
  return certificate;
}

async function register(t: TestContext, rig: ProxyRig, name: string, routes: ProxyAppBody['routes'] & object): Promise<void> {
  const { status, body } = await rig.control('PUT', `/apps/${name}`, { port: await freePort(), port_host: '127.0.0.1', routes });
  assert.equal(status, 200, JSON.stringify(body));
  const app = await startApp(t, name, (request, response) => {
    if (request.method === 'POST') request.pipe(response);
    else if (request.url === '/headers') response.end(JSON.stringify(request.headers));
    else if (request.url === '/big') response.end(Buffer.alloc(3_000_000, 'x'));
    else response.end(name);
  });
  const sockets = new WebSocketServer({ server: app.server });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`${name} ${data}`)));
  await rig.control('PUT', `/apps/${name}/target`, targetOf(app));
}

const filesOf = ({ certificate, key }: ProxyTls): ProxyTls => ({ certificate, key });

for (const workers of [1, 2]) {
  test(`HTTPS by name, with ${workers} processes`, async (t) => {
    const rig = await startProxyRig(t, workers);
    const port = await freePort();
    const shop = writeCertificate(rig.dir, ['shop.example']);
    const blog = writeCertificate(rig.dir, ['blog.example']);
    const wild = writeCertificate(rig.dir, ['wild.example', '*.wild.example']);
    await register(t, rig, 'shop', [{ port, host: 'shop.example', tls: filesOf(shop) }]);
    await register(t, rig, 'blog', [
      { port, host: 'blog.example', tls: filesOf(blog) },
      { port, host: '*.wild.example', tls: filesOf(wild) },
    ]);
    const trusting = { rejectUnauthorized: true, ca: [shop.ca, blog.ca, wild.ca] };
    assert.equal((await fetchSecure(port, 'shop.example', '/', trusting)).body, 'shop');
    assert.equal((await fetchSecure(port, 'blog.example', '/', trusting)).body, 'blog');
    assert.equal((await fetchSecure(port, 'a.wild.example', '/', trusting)).body, 'blog');
    assert.equal((await certificateOf(port, '')).subject.CN, 'shop.example', 'without a name it is the first one');
    assert.equal((await fetchSecure(port, 'none.example')).status, 404);
    // The name of the connection and that of the request.
    assert.equal((await fetchSecure(port, 'shop.example', '/', { headers: { Host: 'blog.example' } })).status, 421);
    assert.equal(
      (await fetchSecure(port, 'blog.example', '/', { headers: { Host: 'b.wild.example' } })).body,
      'blog',
      'both are of one app',
    );

    const told = JSON.parse((await fetchSecure(port, 'shop.example', '/headers')).body) as Record<string, string>;
    assert.equal(told['x-forwarded-proto'], 'https');
    assert.equal(told['x-forwarded-for'], '127.0.0.1');
    assert.match(told['forwarded'] ?? '', /proto=https/);
    const body = Buffer.alloc(2_000_000, 'y');
    assert.equal((await fetchSecure(port, 'shop.example', '/', { method: 'POST', body })).body, body.toString());
    assert.equal((await fetchSecure(port, 'shop.example', '/big')).body.length, 3_000_000);

    const options: ClientOptions & { servername: string } = {
      servername: 'shop.example',
      headers: { Host: 'shop.example' },
      rejectUnauthorized: false,
    };
    const socket = new WebSocket(`wss://127.0.0.1:${port}/`, options);
    t.after(() => socket.terminate());
    await once(socket, 'open');
    socket.send('hello');
    assert.equal(String((await once(socket, 'message'))[0]), 'shop hello');

    await assert.rejects(handshake(port, 'shop.example', { maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }));
    assert.equal((await handshake(port, 'shop.example', { maxVersion: 'TLSv1.2' })).getProtocol(), 'TLSv1.2');
  });
}

test('a certificate is read again when it changes; one that cannot be used changes nothing, and is told', async (t) => {
  const rig = await startProxyRig(t);
  let log = '';
  rig.child.stderr?.on('data', (chunk) => {
    log += String(chunk);
  });
  const port = await freePort();
  const certificate = writeCertificate(rig.dir, ['shop.example'], 10);
  await register(t, rig, 'shop', [{ port, host: 'shop.example', tls: filesOf(certificate) }]);
  await until(() => /shop\.example\.pem expires on \d{4}-\d\d-\d\d: renew it/.test(log));
  const open = await handshake(port, 'shop.example');
  t.after(() => open.destroy());
  const first = await certificateOf(port, 'shop.example');
  await writeFile(certificate.certificate, 'rubbish');
  await until(() =>
    /shop\.example\.pem and the key .*shop\.example\.key cannot be used together: .*; the one from before is served on/.test(log),
  );
  assert.equal((await certificateOf(port, 'shop.example')).fingerprint, first.fingerprint);
  writeCertificate(rig.dir, ['shop.example']);
  await until(async () => (await certificateOf(port, 'shop.example')).fingerprint !== first.fingerprint);
  await until(() => /shop\.example\.pem has changed and is served now/.test(log));
  open.write('GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n');
  assert.match(String((await once(open, 'data'))[0]), /^HTTP\/1\.1 200 /, 'what was open goes on');
  assert.doesNotMatch(log, /PRIVATE/);
});

test('what cannot be served is refused with the reason, and a restarted proxy serves the rest', async (t) => {
  const rig = await startProxyRig(t);
  const port = await freePort();
  const [shop, blog] = [writeCertificate(rig.dir, ['shop.example']), writeCertificate(rig.dir, ['blog.example'])];
  const refusal = async (routes: object[]): Promise<string> => {
    const { status, body } = await rig.control<{ error: string }>('PUT', '/apps/late', { port: await freePort(), routes });
    assert.ok(status >= 400, String(status));
    return body.error;
  };
  const missing = join(rig.dir, 'none.pem');
  assert.match(await refusal([{ port, tls: { certificate: missing, key: shop.key } }]), /none\.pem cannot be read/);
  assert.match(await refusal([{ port, tls: { certificate: shop.certificate, key: blog.key } }]), /cannot be used together/);
  assert.match(await refusal([{ port, tls: { certificate: 'x', key: 'y' } }]), /absolute/);
  assert.match(
    await refusal([
      { port, tls: filesOf(shop) },
      { port, host: 'a' },
    ]),
    /all have "tls", or none/,
  );
  await register(t, rig, 'shop', [{ port, host: 'shop.example', tls: filesOf(shop) }]);
  await register(t, rig, 'blog', [{ port, host: 'blog.example', tls: filesOf(blog) }]);
  assert.match(await refusal([{ port, host: 'late.example' }]), /by app "late" for plain HTTP, but app "shop" is served there by HTTPS/);

  await writeFile(blog.key, 'rubbish');
  rig.child.kill('SIGKILL');
  await once(rig.child, 'exit');
  await rig.start();
  assert.equal((await fetchSecure(port, 'shop.example')).body, 'shop');
  await assert.rejects(fetchSecure(port, 'blog.example'));
  writeCertificate(rig.dir, ['blog.example']);
  await until(() =>
    fetchSecure(port, 'blog.example').then(
      ({ body }) => body === 'blog',
      () => false,
    ),
  );
});

test('who speaks no TLS, or stops in the middle of it, disturbs nobody', async (t) => {
  const rig = await startProxyRig(t);
  const port = await freePort();
  await register(t, rig, 'shop', [{ port, host: 'shop.example', tls: filesOf(writeCertificate(rig.dir, ['shop.example'])) }]);
  const plain = connectPlain(port, '127.0.0.1');
  plain.on('error', () => undefined).resume();
  plain.write('GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n');
  await once(plain, 'close');
  const silent = connectPlain(port, '127.0.0.1')
    .on('error', () => undefined)
    .resume();
  t.after(() => silent.destroy());
  await once(silent, 'connect');
  const cut = once(silent, 'close');
  const half = connectPlain(port, '127.0.0.1').on('error', () => undefined);
  half.write(Buffer.from([0x16, 0x03, 0x01, 0x02]));
  half.destroy();
  const old = await handshake(port, 'shop.example');
  old.write('GET / HTTP/1.0\r\nHost: shop.example\r\n\r\n');
  const chunks: Buffer[] = [];
  old.on('data', (chunk) => chunks.push(chunk));
  await once(old, 'end');
  assert.match(Buffer.concat(chunks).toString(), /shop$/);
  assert.equal((await fetchSecure(port, 'shop.example')).body, 'shop');
  await rig.control('DELETE', '/apps/shop');
  await cut;
  await assert.rejects(fetchSecure(port, 'shop.example'));
});

test('a plain route leads to HTTPS, but for the certificate authority', async (t) => {
  const rig = await startProxyRig(t);
  const [port, plain] = [await freePort(), await freePort()];
  await register(t, rig, 'shop', [
    { port, host: 'shop.example', tls: filesOf(writeCertificate(rig.dir, ['shop.example'])) },
    { port: plain, host: 'shop.example', redirect: port },
  ]);
  const answer = await fetchOnce(plain, '/a?b=c', { method: 'POST', body: 'x', headers: { Host: 'SHOP.example:80' } });
  assert.equal(answer.status, 308);
  assert.equal(answer.headers.location, `https://shop.example:${port}/a?b=c`);
  const asked = await fetchOnce(plain, '/.well-known/acme-challenge/x', { headers: { Host: 'shop.example' } });
  assert.equal(asked.body, 'shop');
  assert.equal((await fetchOnce(plain, '/', { headers: { Host: 'other.example' } })).status, 404);
  // A proxy in front that ends HTTPS asks by plain HTTP, and would send its visitors round in a circle.
  const before = { headers: { Host: 'shop.example', 'X-Forwarded-Proto': 'https' } };
  assert.equal((await fetchOnce(plain, '/', before)).status, 308, 'anybody can say so');
  const { apps } = (await rig.control<Pick<ProxyStatus, 'apps'>>('GET', '/')).body;
  const { port: own, port_host, routes } = apps.find(({ app }) => app === 'shop') ?? {};
  assert.equal((await rig.control('PUT', '/apps/shop', { port: own, port_host, routes, trusted_proxies: ['127.0.0.1'] })).status, 200);
  assert.equal((await fetchOnce(plain, '/', before)).body, 'shop');
  assert.equal((await fetchOnce(plain, '/', { headers: { ...before.headers, 'X-Forwarded-Proto': 'http' } })).status, 308);
});

test('two apps with two certificates for one host are told of each other', async (t) => {
  const rig = await startProxyRig(t);
  const port = await freePort();
  const certificateIn = (folder: string): ProxyTls => filesOf(writeCertificate(join(rig.dir, folder), ['shop.example']));
  const [one, other] = [certificateIn('one'), certificateIn('other')];
  await register(t, rig, 'shop', [{ port, host: 'shop.example', tls: one }]);
  const admin = (tls: ProxyTls): object => ({ routes: [{ port, host: 'shop.example', path: '/admin', tls }] });
  const refused = await rig.control<{ code: string; error: string }>('PUT', '/apps/admin', { ...admin(other), port: await freePort() });
  assert.deepEqual([refused.status, refused.body.code], [409, 'route_taken']);
  for (const part of ['"admin"', '"shop"', one.certificate, other.certificate]) assert.ok(refused.body.error.includes(part), part);
  assert.equal((await rig.control('PUT', '/apps/admin', { ...admin(one), port: await freePort() })).status, 200);
});
