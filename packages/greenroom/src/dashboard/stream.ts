import type { Fleet, FleetNews } from './fleet.ts';

const HEARTBEAT_MS = 15_000;
const RETRY_MS = 1_000;

export interface StreamOptions {
  fleet: Fleet;
  /** Names this run: ids of another one say nothing here. */
  run: string;
  lastEventId: string;
  /** Asked now and then, however busy the stream is: false ends it. */
  mayStay(): boolean;
  ended(): void;
  heartbeatMs?: number;
}

/**
 * Server-sent events of all apps: what is new after the event that the reader has, then what comes. States are sent, not steps between them: a slow reader
 * misses some and is never behind. Nothing is read ahead of it.
 */
export function fleetStream({
  fleet,
  run,
  lastEventId,
  mayStay,
  ended,
  heartbeatMs = HEARTBEAT_MS,
}: StreamOptions): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const { changes } = fleet;
  let seen = versionOf(lastEventId, run);
  let pending = `retry: ${RETRY_MS}\n\n`;
  let checkedAt = performance.now();
  let cancelled = false;

  async function next(): Promise<string | null> {
    for (;;) {
      const version = changes.version();
      if (cancelled || changes.closed()) return null;
      if (performance.now() - checkedAt >= heartbeatMs) {
        if (!mayStay()) return null;
        checkedAt = performance.now();
      }
      const news = fleet.since(seen);
      seen = version;
      const text = pending + news.map((one) => eventText(one, run)).join('');
      pending = '';
      if (text !== '') return text;
      const before = performance.now();
      await changes.after(version, heartbeatMs);
      if (performance.now() - before >= heartbeatMs) pending = ': still here\n\n';
    }
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const text = await next();
        if (cancelled) return;
        if (text !== null) return controller.enqueue(encoder.encode(text));
        ended();
        controller.close();
      },
      cancel() {
        cancelled = true;
        ended();
      },
    },
    { highWaterMark: 0 },
  );
}

function eventText(news: FleetNews, run: string): string {
  if (news.kind === 'load') return `event: load\ndata: ${JSON.stringify(news.load)}\n\n`;
  const data = news.kind === 'app' ? news.app : news.kind === 'gone' ? { name: news.name } : news.broken;
  return `event: ${news.kind}\nid: ${run}-${news.version}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** What was not sent by this run is as good as nothing. */
function versionOf(id: string, run: string): number {
  const [, its, version] = /^([\w]+)-(\d{1,15})$/.exec(id) ?? [];
  return its === run ? Number(version) : 0;
}
