import { type Message, rfc3339 } from './message.ts';
import { fit } from './text.ts';

const DETAIL_CHARACTERS = 16_000;

/** Body for a service of one's own. Documented in docs/guides/alerts.md: fields are only ever added. */
export function webhookBody(message: Message): object {
  const { id, app, host, key, kind, severity, title, detail, resolved, at } = message;
  return {
    id,
    app,
    host,
    key,
    kind,
    severity,
    status: resolved ? 'resolved' : 'firing',
    title,
    detail: fit(detail, DETAIL_CHARACTERS),
    time: rfc3339(at),
  };
}
