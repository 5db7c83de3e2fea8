import type { Socket } from 'node:net';
import type { Pair } from './tls/read-pair.ts';

/**
 * What the rest of the proxy needs from whatever moves the bytes. Routes, counting and drains know only this interface, so that the
 * implementation (`splice/`, on sockets) can be replaced by another without touching them.
 */
export interface DataPath {
  /**
   * Listens and forwards every request to what `pick` answers at the moment its head is read. Rejects with the system's error
   * (`EADDRINUSE`, `EACCES`…) when the address cannot be had.
   */
  listen(port: number, host: string, side: AppSide): Promise<Listener>;
  /** As `listen`, for connections that somebody else accepts and gives to it. */
  serve(side: AppSide): Service;
  /** Closes idle connections to an address that is no longer routed to. Connections in use are closed when they become idle. */
  forget(host: string, port: number): void;
  /**
   * Ends every connection after the request that it is about, or the next one: none is closed under a client that may be just sending, and was not told that
   * the last answer was the last one. Streams and tunnels go on. Resolves when no connection is left. To be called when no more come.
   */
  retire(): Promise<void>;
}

/**
 * Answers where a request goes, or what the proxy itself says to it; null answers 503. Asked each time that the request is to be sent, so it has to
 * be quick.
 */
export type PickDestination = (asked: Asked, by: Connection) => Destination | Reply | null;

/** The connection that a request came on. */
export interface Connection {
  /** Encrypted. */
  readonly secure: boolean;
  /** The name that the client gave for that, in lower case; empty when it gave none. */
  readonly tlsName: string;
  /** How the visitor came: what `forged` says when whoever connected is trusted, else as this connection is. */
  proto(forged: string, trusts: Destination['trusts']): 'http' | 'https';
}

/** A request, as far as it depends on it where it goes. */
export interface Asked {
  /** With its query. */
  readonly path: string;
  /** Value of `Host` as it came; empty when HTTP/1.0 left it out. */
  readonly host: string;
  /** Values of `Cookie` as they came. */
  readonly cookies: readonly string[];
  /** Lines in which the client says something of forwarding, each with its CRLF; most requests have none. */
  readonly forged: string;
}

/** Told of each request that the proxy answers itself because nobody else does, with 502, 503 or 504. A destination that is `silent` is no failure. */
export type OnFailure = (status: number, asked: Asked) => void;

/** Who takes the requests of a listener. */
export interface AppSide {
  readonly pick: PickDestination;
  readonly onFailure: OnFailure;
  /** Whose word about visitors counts for the app, as for a destination. */
  readonly trusts?: Destination['trusts'];
  /** Whether connections are encrypted, asked for each; never when it is left out. */
  readonly isSecure?: () => boolean;
  /** The certificate for a name in lower case; for an empty one, when the client names none. Null when there is none that can be used. */
  readonly pairFor?: (name: string) => Pair | null;
}

/** An answer of the proxy's own. */
export interface Reply {
  readonly status: number;
  /** Name and value in turn; without those that frame the message. */
  readonly headers: readonly string[];
  readonly body: string;
}

export interface Destination {
  readonly instance: string;
  readonly host: string;
  readonly port: number;
  /** Path of a Unix socket, which then counts instead of host and port. */
  readonly socket?: string;
  /** Cookies with a name that begins like this are not passed on. */
  readonly hiddenCookies?: string;
  /** Added to the head of the answer, name and value in turn. */
  readonly answerHeaders?: readonly string[];
  /** Whether the word of whoever connected from this IP address counts for who asked, by what and for which host. Nobody's does when it is left out. */
  readonly trusts?: (address: string) => boolean;
  /** What is said when it gives no answer (502), or nobody listens there (503), instead of the usual text. */
  readonly silent?: (status: 502 | 503) => Reply;
  /** Called when a request is given to this destination. */
  begin(): Flight;
}

/** One request on its way, from its head being read until its answer is flushed and the app is done with it. */
export interface Flight {
  /** The head of its answer came, with this status. Not called when the app gave none. */
  answered(status: number): void;
  /** From now on it is a stream. `close` is called at most once, when a drain wants it closed cleanly. */
  stream(close: () => void): void;
  /** Over on both sides. `clean` is false when it was cut off. Repeatable; the first call counts. */
  end(clean: boolean): void;
}

export interface Listener {
  /** Frees the port at once, lets requests in flight end for at most `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
}

export interface Service extends Listener {
  accept(socket: Socket): void;
}
