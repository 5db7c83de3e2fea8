import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { freePorts } from '../../../bench/harness/ports.ts';

const ROOT = new URL('..', import.meta.url).pathname;
const START_LIMIT_MS = 10_000;
/** Of every app of this file. */
const started: (() => Promise<void>)[] = [];

describe('guestbook', () => {
  const data = mkdtempSync(join(tmpdir(), 'guestbook-'));
  let a: App;
  let b: App;

  before(async () => {
    [a, b] = await Promise.all([startApp(data, 'a'), startApp(data, 'b')]);
  });
  after(async () => {
    // Also the one whose sibling did not start.
    await Promise.all(started.map((stop) => stop()));
    rmSync(data, { recursive: true, force: true });
  });

  it('shows the page with its release, and a form that is labelled', async () => {
    const response = await fetch(a.url);
    const text = await response.text();
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('x-app-commit'), 'commit-a');
    assert.match(response.headers.get('set-cookie') ?? '', /HttpOnly; SameSite=Lax/);
    assert.match(text, /served by slot <strong>a<\/strong>/);
    for (const field of ['author', 'text']) assert.ok(text.includes(`<label for="${field}">`), field);
  });

  it('has the chat on its page when Greenroom says where it is, and nothing of it otherwise', async () => {
    assert.doesNotMatch(await (await fetch(a.url)).text(), /chat\.js/);
    const contract = join(data, 'contract', 'app.contract.json');
    mkdirSync(dirname(contract));
    writeFileSync(join(dirname(contract), 'greenroom.json'), JSON.stringify({ version: 1, chat_path: '/.greenroom' }));
    const app = await startApp(data, 'c', { GREENROOM_CONTRACT: contract });
    try {
      const tag = (path: string) =>
        fetch(`${app.url}${path}`).then(async (page) => /<script[^>]*chat\.js[^>]*>/.exec(await page.text())?.[0]);
      assert.equal(await tag('/'), '<script type="module" src="/.greenroom/chat.js">');
      assert.equal(await tag('/?chat'), '<script type="module" src="/.greenroom/chat.js" data-open>');
    } finally {
      await app.stop();
    }
  });

  it('keeps a message and the visitor’s name for every instance on the same data', async () => {
    const visitor = await visit(a);
    const posted = await visitor.post(a, { author: 'Ada', text: 'Hello <b>there</b>' });
    assert.equal(posted.status, 303);
    const seen = await fetch(b.url, { headers: { cookie: visitor.cookie } });
    const text = await seen.text();
    assert.ok(text.includes('Hello &lt;b&gt;there&lt;/b&gt;'), 'the message, escaped');
    assert.ok(text.includes('value="Ada"'), 'the session knows the name');
    const viaB = await visitor.post(b, { author: 'Ada', text: 'A form of one instance is good for the other' });
    assert.equal(viaB.status, 303);
    const { messages } = (await (await fetch(`${a.url}/api/messages`)).json()) as { messages: { text: string }[] };
    assert.deepEqual(
      messages.map((message) => message.text),
      ['A form of one instance is good for the other', 'Hello <b>there</b>'],
    );
  });

  it('refuses a form without its token, with another visitor’s token, and with a forged cookie', async () => {
    const [one, two] = await Promise.all([visit(a), visit(a)]);
    const refused = [
      await one.post(a, { form_token: '' }),
      await one.post(a, { form_token: two.token }),
      await fetch(`${a.url}/messages`, {
        method: 'POST',
        headers: { cookie: one.cookie.replace(/\..*/, '.forged') },
        body: new URLSearchParams({ author: 'Eve', text: 'hi', form_token: one.token }),
      }),
    ];
    assert.deepEqual(
      refused.map((response) => response.status),
      [403, 403, 403],
    );
  });

  it('says what is wrong with a message and keeps what was typed', async () => {
    const visitor = await visit(a);
    const response = await visitor.post(a, { author: '', text: 'Keep me' });
    const text = await response.text();
    assert.equal(response.status, 400);
    assert.match(text, /role="alert"[^>]*>Please give a name/);
    assert.ok(text.includes('Keep me'));
  });

  it('answers the deep check from the database, and health on the internal port only', async () => {
    const ping = (await (await fetch(`${a.url}/api/ping`)).json()) as { ok: boolean; messages: number };
    assert.equal(ping.ok, true);
    assert.equal(typeof ping.messages, 'number');
    assert.equal((await fetch(`${a.internal}/healthz`)).status, 200);
    assert.equal((await fetch(`${a.url}/healthz`)).status, 404);
  });

  it('streams a message that another instance took, once', async () => {
    const stream = await fetch(`${a.url}/events`);
    const visitor = await visit(b);
    await visitor.post(b, { author: 'Bob', text: 'over there' });
    let received = '';
    for await (const chunk of stream.body ?? []) {
      received += Buffer.from(chunk).toString();
      if (received.includes('over there')) break;
    }
    assert.match(received, /event: release\ndata: \{[^\n]*"commit":"commit-a"/);
    assert.equal(received.split('over there').length, 2);
  });

  it('passes its own smoke test', async () => {
    const smoke = spawn(process.execPath, ['scripts/smoke.ts'], {
      cwd: ROOT,
      env: { ...process.env, GREENROOM_URL: a.url },
      stdio: 'inherit',
    });
    const [code] = await once(smoke, 'exit');
    assert.equal(code, 0);
  });

  it('on SIGTERM finishes the request it is reading, ends streams cleanly, refuses new connections and exits with 0', async () => {
    const app = await startApp(data, 'c');
    try {
      const visitor = await visit(app);
      const stream = await fetch(`${app.url}/events`);
      const body = new URLSearchParams({ author: 'Slow', text: 'still typing', form_token: visitor.token }).toString();
      const post = request(`${app.url}/messages`, {
        method: 'POST',
        agent: false,
        headers: { cookie: visitor.cookie, 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length },
      });
      const answered = once(post, 'response');
      post.write(body.slice(0, 10));
      await once(post, 'socket').then(([socket]) => socket.connecting && once(socket, 'connect'));
      const exited = once(app.process, 'exit');
      app.process.kill('SIGTERM');
      await stream.text();
      await assert.rejects(fetch(app.url));
      post.end(body.slice(10));
      const [response] = await answered;
      assert.equal(response.statusCode, 303);
      assert.deepEqual(await exited, [0, null]);
    } finally {
      await app.stop();
    }
  });
});

interface App {
  url: string;
  internal: string;
  process: ChildProcess;
  stop(): Promise<void>;
}

async function startApp(data: string, slot: string, more: Record<string, string> = {}): Promise<App> {
  const [port, internalPort] = await freePorts(2);
  const env = { ...process.env, DATA_DIR: data, PORT: String(port), INTERNAL_PORT: String(internalPort) };
  const child = spawn(process.execPath, ['src/main.ts'], {
    cwd: ROOT,
    env: { ...env, ...more, GREENROOM_COMMIT: `commit-${slot}`, GREENROOM_SLOT: slot },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  started.push(stop);
  const ready = once(child.stdout, 'data');
  const failed = once(child, 'exit').then(() => Promise.reject(new Error('the guestbook ended while it started')));
  try {
    await Promise.race([ready, failed, rejectAfter(START_LIMIT_MS)]);
  } catch (error) {
    await stop();
    throw error;
  }
  failed.catch(() => undefined);
  return { url: `http://127.0.0.1:${port}`, internal: `http://127.0.0.1:${internalPort}`, process: child, stop };
}

interface Visitor {
  cookie: string;
  token: string;
  post(app: App, fields: Record<string, string>): Promise<Response>;
}

async function visit(app: App): Promise<Visitor> {
  const response = await fetch(app.url);
  const token = /name="form_token" value="([^"]+)"/.exec(await response.text())?.[1] ?? '';
  const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? '';
  const post = (target: App, fields: Record<string, string>): Promise<Response> => {
    const body = new URLSearchParams({ author: 'Someone', text: 'Something', form_token: token, ...fields });
    return fetch(`${target.url}/messages`, { method: 'POST', redirect: 'manual', headers: { cookie }, body });
  };
  return { cookie, token, post };
}

function rejectAfter(ms: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`the guestbook did not start within ${ms} ms`)), ms).unref();
  });
}
