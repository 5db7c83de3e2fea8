/** The trace that a request belongs to, as W3C Trace Context says it in the header `traceparent`. */
export interface TraceContext {
  traceId: string;
  /** The caller's span. */
  parentId: string;
  /** Whether the caller records the trace: what it does not record, nobody after it does. */
  sampled: boolean;
}

/** Null when the header is none, or not valid: the specification says to begin a trace of one's own then. */
export function parseTraceparent(header: string | undefined): TraceContext | null {
  const found = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(header?.trim() ?? '');
  const [, version, traceId = '', parentId = '', flags = '', more] = found ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return null;
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}
