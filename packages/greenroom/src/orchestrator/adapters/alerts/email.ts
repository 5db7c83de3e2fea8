import { createHash } from 'node:crypto';
import { footer, type Message, statusWord } from './message.ts';
import type { Delivery } from './outcome.ts';
import { decoded, fit, oneLine } from './text.ts';

const SUBJECT_CHARACTERS = 200;
const BODY_CHARACTERS = 50_000;
const SHOWN_ANSWER_CHARACTERS = 200;
/** A domain that no machine can have (RFC 2606), for ids that only have to be unique. */
const ID_DOMAIN = 'greenroom.invalid';

export interface Mail {
  /** `smtp://` or `smtps://`, with user and password when the server wants them. */
  url: URL;
  to: readonly string[];
  from: string;
  message: Message;
  /** For each wait on the server, in milliseconds. */
  timeoutMs: number;
  signal: AbortSignal;
}

/** Hands one mail to the mail server, on a connection of its own. Never rejects. */
export async function sendMail({ url, to, from, message, timeoutMs, signal }: Mail): Promise<Delivery> {
  // Most orchestrators send no mail: they need not load what can.
  const { createTransport } = await import('nodemailer');
  const { username, password } = url;
  const transport = createTransport({
    host: url.hostname.replace(/^\[|\]$/g, ''),
    secure: url.protocol === 'smtps:',
    ...(url.port ? { port: Number(url.port) } : {}),
    ...(username ? { auth: { user: decoded(username), pass: decoded(password) } } : {}),
    // A password never travels in the clear, also when somebody on the way hides that the server can do better.
    requireTLS: username !== '' && !isLoopback(url.hostname),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    const sent = await transport.sendMail({ ...mailOf(message), from, to: [...to], signal });
    if (sent.rejected.length === 0) return { ok: true };
    // Those who were accepted have it: sending it again would only send it to them twice.
    return { ok: false, retry: 'never', error: `the mail server does not take mail for ${sent.rejected.join(', ')}`, waitMs: 0 };
  } catch (error) {
    return refusal(error);
  } finally {
    transport.close();
  }
}

function mailOf(message: Message): {
  subject: string;
  text: string;
  messageId: string;
  references: string;
  headers: Record<string, string>;
} {
  const thread = createHash('sha256').update(`${message.app}\n${message.host}\n${message.key}`).digest('hex').slice(0, 32);
  return {
    subject: fit(oneLine(`[${message.app}] ${statusWord(message)}: ${message.title}`), SUBJECT_CHARACTERS),
    text: fit([message.title, message.detail, `-- \n${footer(message)}`].filter(Boolean).join('\n\n'), BODY_CHARACTERS),
    // The same for a repeated delivery, so that mail systems recognise it.
    messageId: `<${message.id}@${ID_DOMAIN}>`,
    references: `<${thread}@${ID_DOMAIN}>`,
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
  };
}

function refusal(error: unknown): Delivery {
  const { code = '', responseCode = 0, response = '', message = String(error) } = error as MailError;
  const said = fit(oneLine(response || message), SHOWN_ANSWER_CHARACTERS);
  if (code === 'EAUTH') return { ok: false, retry: 'seldom', error: `the mail server refused the user or password: ${said}`, waitMs: 0 };
  if (code === 'ETLS') return { ok: false, retry: 'seldom', error: `no encrypted connection: ${said}`, waitMs: 0 };
  if (responseCode >= 500 && code === 'EMESSAGE')
    return { ok: false, retry: 'never', error: `the mail server refused the mail: ${said}`, waitMs: 0 };
  if (responseCode >= 500) return { ok: false, retry: 'seldom', error: `the mail server refused: ${said}`, waitMs: 0 };
  return { ok: false, retry: 'soon', error: said, waitMs: 0 };
}

/** What the SMTP library's errors carry. */
interface MailError {
  code?: string;
  responseCode?: number;
  response?: string;
  message?: string;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
