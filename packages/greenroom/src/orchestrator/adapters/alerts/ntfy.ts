import { footer, type Message, statusWord } from './message.ts';
import { decoded, fit, utf8Bytes } from './text.ts';

const TITLE_BYTES = 250;
/** ntfy turns messages over 4,096 bytes into attachments, and refuses JSON over twice that, escapes included. */
const MESSAGE_BYTES = 3_000;

const PRIORITIES = { info: 3, warning: 4, critical: 5 };
const TAGS = { info: 'information_source', warning: 'warning', critical: 'rotating_light' };

/** A message for ntfy, published as JSON, which goes to the server's root with the topic inside. Null when the URL names no topic. */
export function ntfyRequest(url: URL, message: Message): { url: URL; body: object } | null {
  const topic = url.pathname.split('/').filter(Boolean).at(-1);
  if (topic === undefined) return null;
  const root = new URL(url);
  root.pathname = url.pathname.slice(0, url.pathname.lastIndexOf(topic));
  return {
    url: root,
    body: {
      topic: decoded(topic),
      title: fit(`${message.app}: ${statusWord(message)}: ${message.title}`, TITLE_BYTES, undefined, utf8Bytes),
      message: fit([message.detail, footer(message)].filter(Boolean).join('\n\n'), MESSAGE_BYTES, undefined, utf8Bytes),
      priority: message.resolved ? PRIORITIES.info : PRIORITIES[message.severity],
      tags: [message.resolved ? 'white_check_mark' : TAGS[message.severity]],
    },
  };
}
