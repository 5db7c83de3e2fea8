import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { alert, rig, until } from './support.ts';

interface MailServer {
  port: number;
  mails: { from: string; to: string[]; text: string }[];
}

async function mailServer(t: TestContext, options: SMTPServerOptions = {}): Promise<MailServer> {
  const mails: MailServer['mails'] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, session, callback) {
      let text = '';
      stream.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
      stream.on('end', () => {
        const from = session.envelope.mailFrom;
        mails.push({ from: from ? from.address : '', to: session.envelope.rcptTo.map((it) => it.address), text });
        callback();
      });
    },
    ...options,
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return { port: (server.server.address() as AddressInfo).port, mails };
}

const target = (changes: object = {}): object => ({ alert_targets: [{ type: 'email', to: 'ops@example.com', ...changes }] });

test('a mail says what, where and when, and nothing in it adds a header or a recipient', async (t) => {
  const server = await mailServer(t);
  const { alerts } = await rig(t, {
    contract: target({ url: `smtp://127.0.0.1:${server.port}`, to: ['ops@example.com', 'dev@example.com'], from: 'greenroom@example.com' }),
  });
  alerts.send(alert({ title: 'Disk\r\nBcc: evil@example.com', detail: 'line one\n.\nQUIT\nÄ line that is long '.padEnd(3_000, 'x') }));
  await until(() => server.mails.length === 1);
  const [mail] = server.mails;
  assert.deepEqual([mail?.from, mail?.to], ['greenroom@example.com', ['ops@example.com', 'dev@example.com']]);
  const [head = '', ...body] = (mail?.text ?? '').split('\r\n\r\n');
  assert.match(head, /^Subject: \[shop\] Warning: Disk Bcc: evil@example\.com$/m);
  assert.doesNotMatch(head, /^Bcc:/m);
  assert.match(head, /^Auto-Submitted: auto-generated$/m);
  assert.match(head, /^Message-ID: <\d+-[0-9a-f]{12}@greenroom\.invalid>$/m);
  assert.match(body.join('\n'), /shop on web1/);
  for (const line of (mail?.text ?? '').split('\r\n')) assert.ok(line.length <= 998, 'lines that every mail server takes');
});

test('user and password come from the secrets, and a wrong one is said without showing it', async (t) => {
  const server = await mailServer(t, {
    authOptional: false,
    authMethods: ['PLAIN'],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, callback) =>
      username === 'me' && password === 'p@ss/word' ? callback(null, { user: 'me' }) : callback(new Error('Invalid login')),
  });
  const env = { GREENROOM_SMTP_URL: `smtp://me:wrong-password@127.0.0.1:${server.port}` };
  const it = await rig(t, { contract: target(), env });
  it.alerts.send(alert());
  await until(() => it.log.some((line) => line.includes('refused the user or password')));
  assert.doesNotMatch(it.log.join('\n'), /wrong-password/);
  await it.restart({ env: { GREENROOM_SMTP_URL: `smtp://me:${encodeURIComponent('p@ss/word')}@127.0.0.1:${server.port}` } });
  await until(() => server.mails.length === 1);
});

test('a mail server that is busy gets it later; one that never answers is left after the limit', async (t) => {
  let tries = 0;
  const server = await mailServer(t, {
    onMailFrom(_address, _session, callback) {
      tries += 1;
      if (tries === 1) callback(Object.assign(new Error('try again later'), { responseCode: 451 }));
      else if (tries === 3) callback();
      // The second time it says nothing at all.
    },
  });
  const it = await rig(t, { contract: target({ url: `smtp://127.0.0.1:${server.port}` }), timing: { requestTimeoutMs: 300 } });
  it.alerts.send(alert());
  await until(() => server.mails.length === 1);
  assert.equal(tries, 3);
});

test('a mail that the server refuses for what it says is given up, and the next one passes', async (t) => {
  const texts: string[] = [];
  const server = await mailServer(t, {
    onData(stream, _session, callback) {
      let text = '';
      stream.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
      stream.on('end', () => {
        texts.push(text);
        callback(texts.length === 1 ? Object.assign(new Error('looks like spam'), { responseCode: 554 }) : null);
      });
    },
  });
  const it = await rig(t, { contract: target({ url: `smtp://127.0.0.1:${server.port}` }) });
  it.alerts.send(alert({ key: 'a', title: 'refused' }));
  it.alerts.send(alert({ key: 'b', title: 'taken' }));
  await until(() => texts.length === 2);
  assert.match(texts[1] ?? '', /Warning: taken/);
  assert.match(it.log.join('\n'), /Gave up on alert .*refused the mail: 554 looks like spam/);
});

test('one recipient of two that the server does not know: the other has it once, and the log names it', async (t) => {
  const server = await mailServer(t, {
    onRcptTo: ({ address }, _session, callback) =>
      callback(address.startsWith('gone') ? Object.assign(new Error('no such user'), { responseCode: 550 }) : null),
  });
  const it = await rig(t, { contract: target({ url: `smtp://127.0.0.1:${server.port}`, to: ['gone@example.com', 'ops@example.com'] }) });
  it.alerts.send(alert());
  await until(() => it.log.some((line) => line.includes('does not take mail for gone@example.com')));
  assert.deepEqual(
    server.mails.map((mail) => mail.to),
    [['ops@example.com']],
  );
});
