import { discordBody, discordUrl } from './discord.ts';
import { sendMail } from './email.ts';
import { post } from './http.ts';
import type { Message } from './message.ts';
import { ntfyRequest } from './ntfy.ts';
import type { Delivery } from './outcome.ts';
import { slackBody } from './slack.ts';
import type { Target } from './targets.ts';
import { webhookBody } from './webhook.ts';

export const DEFAULT_REQUEST_TIMEOUT_MS = 10_000;

export interface DeliveryOptions {
  /** Values of the variables that targets name. */
  values: Readonly<Record<string, string>>;
  timeoutMs: number;
  signal: AbortSignal;
}

/** Sends one message to one target, once, in the target's own format. Never rejects; its sentences may still have to be masked. */
export async function deliver(target: Target, message: Message, { values, timeoutMs, signal }: DeliveryOptions): Promise<Delivery> {
  const found = addressOf(target, values);
  if ('problem' in found) return { ok: false, retry: 'seldom', error: found.problem, waitMs: 0 };
  const { url } = found;
  if (target.type === 'email') return sendMail({ url, to: target.to, from: target.from, message, timeoutMs, signal });
  const token = target.tokenVariable === '' ? '' : values[target.tokenVariable];
  if (token === undefined) return { ok: false, retry: 'seldom', error: missing(target.tokenVariable), waitMs: 0 };
  const headers = { 'idempotency-key': message.id, ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const request = requestFor(target, url, message);
  if (request === null) {
    const error = 'its URL names no topic; it has to end in one, as in https://ntfy.sh/my-topic';
    return { ok: false, retry: 'seldom', error, waitMs: 0 };
  }
  return post({ ...request, headers, timeoutMs, signal });
}

function requestFor(target: Target, url: URL, message: Message): { url: URL; body: object } | null {
  switch (target.type) {
    case 'slack':
      return { url, body: slackBody(message) };
    case 'discord':
      return { url: discordUrl(url), body: discordBody(message) };
    case 'ntfy':
      return ntfyRequest(url, message);
    default:
      return { url, body: webhookBody(message) };
  }
}

const PROTOCOLS = { email: ['smtp:', 'smtps:'], other: ['http:', 'https:'] };

function addressOf(target: Target, values: Readonly<Record<string, string>>): { url: URL } | { problem: string } {
  const variable = target.urlVariable;
  const text = variable === '' ? target.url : values[variable]?.trim();
  if (!text) return { problem: missing(variable) };
  const allowed = target.type === 'email' ? PROTOCOLS.email : PROTOCOLS.other;
  const url = URL.parse(text);
  if (!url || !allowed.includes(url.protocol)) return { problem: `${variable} is no ${allowed.map((it) => `${it}//`).join(' or ')} URL` };
  return { url };
}

const missing = (variable: string): string =>
  `${variable} is not set: write it to secrets.env, or set it in the environment of "greenroom start"`;
