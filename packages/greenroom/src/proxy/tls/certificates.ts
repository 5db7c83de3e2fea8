import { stat } from 'node:fs/promises';
import type { ProxyTls } from '@greenroom/sdk/proxy';
import { type Pair, readPair } from './read-pair.ts';

/** How often the files are looked at. Symbolic links that lead elsewhere now are seen too, which a watch of the files would not tell. */
const LOOK_INTERVAL_MS = 1_000;
const DAY_MS = 24 * 60 * 60 * 1_000;
const EXPIRES_SOON_MS = 14 * DAY_MS;

/** Certificates in files, read again when they change. What cannot be used changes nothing. */
export interface Certificates {
  /** These are wanted, and no others. Resolves when they are read, or known to be unusable. */
  use(files: readonly ProxyTls[]): Promise<void>;
  /** As the files were when they last could be used; null when they never could. */
  pair(files: ProxyTls): Pair | null;
  close(): void;
}

interface Kept {
  files: ProxyTls;
  pair: Pair | null;
  /** What the files looked like when they were read, and at the last look: they are read when they were the same for two looks. */
  read: string;
  seen: string;
  warned: number;
}

/** `log` is told of what a person should know: changes, files that cannot be used, and once a day of a certificate that expires soon. */
export function createCertificates(log: (line: string) => void): Certificates {
  const kept = new Map<string, Kept>();
  let looking = false;
  let timer: NodeJS.Timeout | null = null;

  async function read(each: Kept): Promise<void> {
    each.read = each.seen;
    const found = await readPair(each.files);
    const before = each.pair;
    if (found.ok) each.pair = found.pair;
    if (!found.ok)
      log(`${found.error}${before ? '; the one from before is served on' : '; its hosts are not served by HTTPS until it can be'}`);
    else if (before) log(`the certificate ${each.files.certificate} has changed and is served now, until ${day(found.pair.expires)}`);
    warn(each);
  }

  function warn(each: Kept): void {
    const now = Date.now();
    const { pair, warned, files } = each;
    if (!pair || pair.expires > now + EXPIRES_SOON_MS || warned > now - DAY_MS) return;
    each.warned = now;
    log(`the certificate ${files.certificate} ${pair.expires < now ? 'expired' : 'expires'} on ${day(pair.expires)}: renew it`);
  }

  async function look(): Promise<void> {
    if (looking) return;
    looking = true;
    for (const each of kept.values()) {
      const seen = await signature(each.files);
      const settled = seen === each.seen;
      each.seen = seen;
      if (settled && seen !== each.read) await read(each);
      warn(each);
    }
    looking = false;
  }

  return {
    async use(files) {
      const wanted = new Map(files.map((each) => [keyOf(each), each]));
      for (const key of kept.keys()) if (!wanted.has(key)) kept.delete(key);
      const fresh = [...wanted].filter(([key]) => !kept.has(key));
      await Promise.all(
        fresh.map(async ([key, each]) => {
          const added: Kept = { files: each, pair: null, read: '', seen: await signature(each), warned: 0 };
          kept.set(key, added);
          await read(added);
        }),
      );
      if (kept.size > 0) timer ??= setInterval(() => void look(), LOOK_INTERVAL_MS).unref();
    },
    pair: (files) => kept.get(keyOf(files))?.pair ?? null,
    close() {
      if (timer) clearInterval(timer);
      kept.clear();
    },
  };
}

const keyOf = ({ certificate, key }: ProxyTls): string => `${certificate}\0${key}`;

const day = (time: number): string => new Date(time).toISOString().slice(0, 10);

/** Changes when a file does, or another one is in its place. */
async function signature({ certificate, key }: ProxyTls): Promise<string> {
  const parts = await Promise.all(
    [certificate, key].map((file) =>
      stat(file).then(
        ({ dev, ino, size, mtimeMs }) => `${dev}:${ino}:${size}:${mtimeMs}`,
        (error: NodeJS.ErrnoException) => error.code ?? 'unknown',
      ),
    ),
  );
  return parts.join();
}
