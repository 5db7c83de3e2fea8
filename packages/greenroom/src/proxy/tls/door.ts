import type { Socket } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import type { Pair } from './read-pair.ts';

/** Turns connections into encrypted ones. */
export interface Door {
  accept(raw: Socket): void;
  /** Cuts those that are still being agreed on. */
  close(): void;
}

export interface DoorOptions {
  /** The certificate for a name in lower case; for an empty one, when the client names none. Null when there is none that can be used. */
  pairFor: (name: string) => Pair | null;
  handshakeTimeoutMs: number;
  /** As ALPN calls them, the preferred one first. */
  protocols: string[];
  onConnection: (socket: TLSSocket, raw: Socket) => void;
}

export function createDoor({ pairFor, handshakeTimeoutMs, protocols, onConnection }: DoorOptions): Door {
  const tls = process.getBuiltinModule('node:tls');
  const agreeing = new Set<Socket>();

  function SNICallback(name: string, done: (error: Error | null, context?: SecureContext) => void): void {
    const pair = pairFor(name.toLowerCase());
    if (pair) done(null, pair.context);
    else done(new Error('there is no certificate'));
  }

  return {
    accept(raw) {
      // Whoever speaks something else, or gives up, is nobody's concern.
      raw.on('error', () => raw.destroy());
      const nameless = pairFor('');
      const socket = new tls.TLSSocket(raw, {
        isServer: true,
        ALPNProtocols: protocols,
        SNICallback,
        ...(nameless ? { secureContext: nameless.context } : {}),
      });
      agreeing.add(raw);
      raw.once('close', () => agreeing.delete(raw));
      const late = setTimeout(() => raw.destroy(), handshakeTimeoutMs).unref();
      const onError = (): void => void raw.destroy();
      socket.on('error', onError);
      socket.once('close', () => clearTimeout(late));
      // The event of a server's side, which it has instead of 'secureConnect'.
      socket.once('secure', () => {
        clearTimeout(late);
        agreeing.delete(raw);
        socket.off('error', onError);
        // As a TLS server does for its own; HTTP/2 waits for it.
        Object.assign(socket, { secureConnecting: false });
        onConnection(socket, raw);
      });
    },
    close() {
      for (const raw of agreeing) raw.destroy();
    },
  };
}
