import type { LogOwner } from '../wire.ts';
import { type Address, connectionError, describeAddress, GreenroomAnswerError, open } from './request.ts';
import { parseEventStream } from './sse.ts';

/** Whose output follows, or lines of it. */
export type LogEvent = { owner: LogOwner } | { lines: string[] };

export interface LogsOptions {
  /** How many of the last lines come first. */
  lines?: number;
  instance?: string;
  signal?: AbortSignal;
}

/** Server-sent events of `GET /logs/stream`. Ends with `signal`, and with the output of an instance that was named. */
export async function* openLogs(address: Address, { lines, instance, signal }: LogsOptions): AsyncGenerator<LogEvent, void, undefined> {
  const query = new URLSearchParams({
    ...(lines === undefined ? {} : { lines: String(lines) }),
    ...(instance === undefined ? {} : { instance }),
  });
  const path = `/logs/stream?${query}`;
  try {
    const response = await open(address, { method: 'GET', path, headers: { accept: 'text/event-stream' }, ...(signal ? { signal } : {}) });
    if (response.statusCode !== 200) {
      response.destroy();
      throw new GreenroomAnswerError(describeAddress(address), `GET ${path}`, { status: response.statusCode ?? 0, body: '' });
    }
    for await (const { event, data } of parseEventStream(response)) {
      if (event === 'end') return;
      if (event === 'instance') yield { owner: JSON.parse(data) as LogOwner };
      else if (event === 'lines') yield { lines: JSON.parse(data) as string[] };
    }
  } catch (cause) {
    if (signal?.aborted) return;
    throw connectionError(address, cause);
  }
}
