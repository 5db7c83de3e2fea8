import { rules as published } from '@secretlint/secretlint-rule-preset-recommend';

/** A place that a rule of the preset reports. */
interface Report {
  rule: string;
  /** Offsets into the text. */
  start: number;
  end: number;
}

/** The part of a secretlint rule that is used here. The package's own types come from a package that it does not bring along. */
interface Rule {
  meta: { id: string };
  create(context: Context, options: Record<string, unknown>): { file?: (source: Source) => unknown };
}

interface Context {
  sharedOptions: Record<string, unknown>;
  createTranslator(messages: unknown): (id: string) => { message: string; messageId: string };
  report(found: { message: { messageId: string }; range: readonly [number, number] }): void;
  ignore(): void;
}

/** Always the same: a rule may read the file of that name from the disk, and judges by the name's ending. */
interface Source {
  content: string;
  filePath: '/text.txt';
  ext: '.txt';
  contentType: 'text';
}

const PREFIX = /^@secretlint\/secretlint-rule-/;
/** Lets a comment in the scanned text switch rules off. */
const COMMENTS = 'filter-comments';
/** Account numbers are no secrets. */
const HARMLESS = new Set(['AWSAccountID']);

const RULES = (published as unknown as readonly Rule[]).filter(({ meta }) => nameOf(meta.id) !== COMMENTS);
if (RULES.length < 20) throw new Error(`The preset has only ${RULES.length} rules.`);

/** What the rules of secretlint's preset find in a text. No comment in the text can switch a rule off. */
export async function presetReports(content: string): Promise<Report[]> {
  const reports: Report[] = [];
  const source: Source = { content, filePath: '/text.txt', ext: '.txt', contentType: 'text' };
  for (const rule of RULES) {
    const name = nameOf(rule.meta.id);
    const context: Context = {
      sharedOptions: {},
      createTranslator: () => (messageId) => ({ message: '', messageId }),
      report: ({ message, range: [start, end] }) => {
        if (!HARMLESS.has(message.messageId)) reports.push({ rule: name, start, end });
      },
      ignore: () => undefined,
    };
    await rule.create(context, {}).file?.(source);
  }
  return reports;
}

function nameOf(id: string): string {
  return id.replace(PREFIX, '');
}
