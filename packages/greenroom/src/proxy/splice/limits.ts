/** What a client may take up. By default there is no limit on a whole request: uploads and downloads may take as long as they do. */
export interface Limits {
  /** Bytes of a request's head. */
  headBytes: number;
  /** From the first byte of a head, or the connection's beginning, to its last. */
  headTimeoutMs: number;
  /** Between two requests. Longer than the idle limit of common clients and load balancers, so that it is they who close. */
  idleTimeoutMs: number;
  /**
   * Without a byte moving although one side waits for the other to take or give some: a client that stopped in the middle of its upload, or reading; an
   * app that takes no more of an upload, and does not answer either.
   */
  stallTimeoutMs: number;
  /** From the request's last byte to the first of the answer; 0 for any time. */
  answerTimeoutMs: number;
  /** From the request's head to the last byte of its answer, both bodies included; 0 for any time. Streams (server-sent events, upgrades) have none. */
  totalTimeoutMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  headBytes: 16 * 1024,
  headTimeoutMs: 20_000,
  idleTimeoutMs: 75_000,
  stallTimeoutMs: 300_000,
  answerTimeoutMs: 0,
  totalTimeoutMs: 0,
};

export const MAX_ANSWER_HEAD_BYTES = 64 * 1024;
/** Streams and tunnels may be silent for hours: a client that vanished without a word is found out by the system's own probes, from this long on. */
export const STREAM_KEEP_ALIVE_MS = 60_000;
/** Bytes of later requests that are held while an earlier one is answered. */
export const MAX_PIPELINED_BYTES = 64 * 1024;

/** What somebody has to do before a connection goes on, as bits. */
export const AWAITED = {
  /** The client: send more of a body that the app takes. */
  body: 1,
  /** The client: read. */
  reader: 2,
  /** The app: begin to answer. */
  answer: 4,
  /** The app: take more of a body. */
  taker: 8,
} as const;
