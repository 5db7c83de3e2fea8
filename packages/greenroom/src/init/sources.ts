import type { AppFiles } from './app-files.ts';
import type { Stack } from './types.ts';

const MAX_SOURCES = 600;
const EXTENSIONS: Record<Stack['language'], RegExp> = {
  node: /\.(?:[cm]?[jt]s|[jt]sx)$/,
  python: /\.py$/,
  ruby: /\.(?:rb|ru)$/,
  go: /\.go$/,
  procfile: /\.(?:[cm]?[jt]s|py|rb|ru|go)$/,
};
/** Not what runs on the server. */
const BESIDE =
  /(?:^|\/)(?:tests?|__tests__|specs?|e2e|docs|examples?|public|static|assets|client|frontend|scripts|migrations)\/|(?:[._-](?:test|spec)|\.config|\.d)\.\w+$|(?:^|\/)test_[^/]*$/;
const COMMENT = /^\s*(?:\/\/|\*|\/\*|#(?!!))/;
const HEALTH_PATHS = ['/healthz', '/health', '/up', '/api/health', '/_health', '/ping'];

/** One line of the app's own code. */
export interface SourceLine {
  file: string;
  line: number;
  text: string;
}

export interface HardCodedPort extends SourceLine {
  port: number;
}

/** The server's own source lines, without comments; files near the top first. */
export async function readSources(files: AppFiles, language: Stack['language']): Promise<SourceLine[]> {
  const paths = files.files.filter((path) => EXTENSIONS[language].test(path) && !BESIDE.test(path)).slice(0, MAX_SOURCES);
  const lines: SourceLine[] = [];
  for (const file of paths) {
    for (const [index, text] of (await files.lines(file)).entries()) {
      if (!COMMENT.test(text)) lines.push({ file, line: index + 1, text });
    }
  }
  return lines;
}

/** The most usual health path that the sources name, and where; also routes that are files (`app/api/health/route.ts`). */
export function findHealthEndpoint(lines: readonly SourceLine[], files: AppFiles): { path: string; where: string } | undefined {
  for (const path of HEALTH_PATHS) {
    const name = path.slice(1).replace('/', '\\/');
    const route = new RegExp(
      `["'\`](\\/${name}\\/?)["'\`]|(?:\\b(?:path|re_path|Route)\\(\\s*r?|\\bget\\s*\\(?\\s*)["'](\\^?${name}\\/?)\\$?["']`,
    );
    for (const { file, line, text } of lines) {
      const match = /\bfetch\(/.test(text) ? null : route.exec(text);
      const found = match?.[1] ?? match?.[2];
      if (found !== undefined) return { path: `/${found.replace(/^[/^]+/, '')}`, where: `${file} line ${line}` };
    }
    const routeFile = new RegExp(`^(?:src/)?(?:app${path}/route|pages${path}(?:/index)?)\\.[jt]sx?$`);
    const file = files.files.find((candidate) => routeFile.test(candidate));
    if (file !== undefined) return { path, where: file };
  }
  return undefined;
}

const LISTENS: readonly RegExp[] = [
  /\.listen\(\s*(\d{2,5})\b/,
  /\b(?:const|let|var)\s+\w*port\w*\s*(?::\s*\w+\s*)?=\s*(\d{2,5})\b/i,
  /(?:\blisten|\bserve)\(.*\bport\s*:\s*(\d{2,5})\b/,
  /^\s*port\s*:\s*(\d{2,5})\s*,?\s*$/,
  /\.run\(.*\bport\s*=\s*(\d{2,5})\b/,
  /\b(?:make_server|serve)\(.*,\s*(?:port\s*=\s*)?(\d{2,5})\s*[,)]/,
  /\bHTTPServer\(\s*\(\s*["'][^"']*["']\s*,\s*(\d{2,5})/,
  /^\s*PORT\s*=\s*(\d{2,5})\b/,
  /\bset\s+:port\s*,\s*(\d{2,5})\b/,
  /\b:?Port(?::|\s*=>)\s*(\d{2,5})\b/,
  /\b(?:ListenAndServe|ListenAndServeTLS|Listen|Run|Start)\(\s*(?:"tcp"\s*,\s*)?"[^"]*:(\d{2,5})"/,
  /\bAddr:\s*"[^"]*:(\d{2,5})"/,
];

/** Places that name a port to listen on, and do not look at the environment on the same line. Only in files that open a listener. */
export function findHardCodedPorts(lines: readonly SourceLine[]): HardCodedPort[] {
  const listening = new Set(
    lines
      .filter(({ text }) => /listen|serve|\.run\(|make_server|HTTPServer|:port|Port:|\.(?:Run|Start)\(/i.test(text))
      .map(({ file }) => file),
  );
  return lines.flatMap((line) => {
    if (!listening.has(line.file) || /env/i.test(line.text)) return [];
    const port = LISTENS.map((pattern) => pattern.exec(line.text)?.[1]).find((match) => match !== undefined);
    return port === undefined ? [] : [{ ...line, port: Number(port) }];
  });
}

/** Whether the sources read the environment variable, in any of the languages' ways. */
export function readsVariable(lines: readonly SourceLine[], name: 'PORT' | 'INTERNAL_PORT'): boolean {
  const read = new RegExp(
    `\\benv(?:iron)?\\b[^;]{0,20}[.["'(]${name}\\b|\\bgetenv\\(\\s*["']${name}\\b|[{,]\\s*${name}\\b[^}]*\\}\\s*=\\s*(?:process|Bun)\\.env`,
    'i',
  );
  return lines.some(({ text }) => read.test(text));
}
