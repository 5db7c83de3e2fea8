/** An app made of bytes: whoever asks for the path of an answer gets these bytes, and nothing more on that connection. */
import { once } from 'node:events';
import net from 'node:net';

export interface AnswersApp {
  /** Lays an answer out, for one request; answers with its path. */
  lay(bytes: Buffer): string;
  close(): void;
}

export async function startAnswersApp(socketPath: string): Promise<AnswersApp> {
  const laid = new Map<string, Buffer>();
  let count = 0;
  const server = net.createServer((socket) => {
    let text = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      if (!text.endsWith('\r\n\r\n')) return;
      const path = text.split(' ', 2)[1] ?? '';
      socket.end(laid.get(path) ?? Buffer.alloc(0));
      laid.delete(path);
    });
  });
  server.listen(socketPath);
  await once(server, 'listening');
  return {
    lay(bytes) {
      count += 1;
      laid.set(`/${count}`, bytes);
      return `/${count}`;
    },
    close: () => void server.close(),
  };
}
