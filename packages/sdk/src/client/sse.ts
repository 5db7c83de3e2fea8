export interface ServerSentEvent {
  id: string;
  event: string;
  data: string;
}

/**
 * Events of a `text/event-stream`, as the HTML standard reads it: lines end in LF, CR LF or CR, comments are skipped, several `data` lines are
 * joined, an event that is cut off by the end of the stream is dropped.
 */
export async function* parseEventStream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent, void, undefined> {
  let event: ServerSentEvent = { id: '', event: '', data: '' };
  let hasData = false;
  for await (const line of lines(chunks)) {
    if (line === '') {
      if (hasData) yield event;
      event = { id: '', event: '', data: '' };
      hasData = false;
      continue;
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') {
      event.data = hasData ? `${event.data}\n${value}` : value;
      hasData = true;
    } else if (field === 'id' && !value.includes('\0')) event.id = value;
    else if (field === 'event') event.event = value;
  }
}

async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    // A CR at the very end may be the first half of a CR LF: wait for what follows it.
    const whole = rest.endsWith('\r') ? rest.slice(0, -1) : rest;
    const found = whole.split(/\r\n|\n|\r/);
    const last = found.pop() ?? '';
    rest = last + rest.slice(whole.length);
    yield* found;
  }
}
