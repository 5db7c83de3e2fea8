import DOMPurify from '../vendor/dompurify.ts';
import { Marked } from '../vendor/marked.ts';

const TAGS = [
  'a',
  'blockquote',
  'br',
  'code',
  'del',
  'em',
  'h3',
  'h4',
  'h5',
  'h6',
  'hr',
  'li',
  'ol',
  'p',
  'pre',
  'strong',
  'table',
  'tbody',
  'td',
  'th',
  'thead',
  'tr',
  'ul',
  'div',
  'span',
];
/** `start` of numbered lists; the rest is set by us. */
const ATTRIBUTES = ['href', 'target', 'rel', 'start', 'align', 'tabindex', 'dir'];
const WEB_ADDRESS = /^(?:https?:\/\/|mailto:)[^\s]+$/i;
/** A path of the app itself, such as `/guestbook`; not `//host`. */
const APP_PATH = /^\/(?![/\\])[^\s\\]*$/;

export interface Markup {
  /** Top-level blocks, as they stand in the text; joined again they are the text. */
  split(text: string): string[];
  /** Safe HTML. */
  render(text: string): string;
}

export function createMarkup(): Markup {
  const marked = new Marked({ gfm: true, breaks: false });
  marked.use({
    renderer: {
      html: ({ text }) => escapeHtml(text),
      image: ({ href, text }) => linkTo(href, escapeHtml(text || href)),
      link({ href, tokens }) {
        return linkTo(href, this.parser.parseInline(tokens));
      },
      // The page has its own h1 and h2.
      heading({ tokens, depth }) {
        const level = Math.min(6, depth + 2);
        return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
      },
      checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
      code: ({ text }) => `<pre tabindex="0" dir="ltr"><code>${escapeHtml(text)}</code></pre>\n`,
    },
  });
  const purifier = DOMPurify(window);
  return {
    split(text) {
      const blocks: string[] = [];
      for (const token of marked.lexer(text)) {
        // White space belongs to what stands before it: a list may go on after it.
        if (token.type === 'space' && blocks.length > 0) blocks.push((blocks.pop() ?? '') + token.raw);
        else blocks.push(token.raw);
      }
      // The parser normalises line ends and tabs; where its parts are not the text any more, the text is one block.
      return blocks.join('') === text ? blocks : [text];
    },
    render: (text) =>
      purifier.sanitize(marked.parse(text, { async: false }), {
        ALLOWED_TAGS: TAGS,
        ALLOWED_ATTR: ATTRIBUTES,
        // The rest are no addresses, and are not measured by the pattern for them.
        ADD_URI_SAFE_ATTR: ATTRIBUTES.filter((name) => name !== 'href'),
        ALLOW_DATA_ATTR: false,
        ALLOW_ARIA_ATTR: false,
        ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|\/(?![/\\]))/i,
      }),
  };
}

function linkTo(href: string, label: string): string {
  if (!WEB_ADDRESS.test(href) && !APP_PATH.test(href)) return label;
  return `<a href="${escapeHtml(href)}" target="_blank" rel="noopener noreferrer nofollow">${label}</a>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
