/**
 * What the rest of the proxy needs from whatever moves the bytes. Routes, counting and drains know only this interface, so that the
 * implementation (`http/`, on node:http) can be replaced by another without touching them.
 */
export interface DataPath {
  /**
   * Listens and forwards every request to what `pick` answers at the moment its head is read. Rejects with the system's error
   * (`EADDRINUSE`, `EACCES`…) when the address cannot be had.
   */
  listen(port: number, host: string, pick: PickDestination): Promise<Listener>;
  /** Closes idle connections to an address that is no longer routed to. Connections in use are closed when they become idle. */
  forget(host: string, port: number): void;
}

/** Answers where a request goes; null answers 503. */
export type PickDestination = () => Destination | null;

export interface Destination {
  readonly instance: string;
  readonly host: string;
  readonly port: number;
  /** Called when a request is given to this destination. */
  begin(): Flight;
}

/** One request on its way, from its head being read until its answer is flushed and the app is done with it. */
export interface Flight {
  /** From now on it is a stream. `close` is called at most once, when a drain wants it closed cleanly. */
  stream(close: () => void): void;
  /** Over on both sides. `clean` is false when it was cut off. Repeatable; the first call counts. */
  end(clean: boolean): void;
}

export interface Listener {
  /** Frees the port at once, lets requests in flight end for at most `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
}
