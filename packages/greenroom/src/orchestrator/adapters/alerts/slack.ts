import { footer, type Message, statusMark, statusWord } from './message.ts';
import { fit } from './text.ts';

const HEADER_CHARACTERS = 150;
const SECTION_CHARACTERS = 3_000;
/** Slack cuts fallback text at 4,000. */
const TEXT_CHARACTERS = 3_500;

/**
 * Body for a Slack incoming webhook. What people read are blocks of `plain_text`, in which Slack looks for no mentions, links or formatting. `text` is for
 * notifications, and for services that imitate Slack without its blocks (Mattermost, Rocket.Chat).
 */
export function slackBody(message: Message): object {
  const title = `${statusMark(message)} ${message.app}: ${statusWord(message)}: ${message.title}`;
  return {
    text: fit([title, message.detail].filter(Boolean).join('\n'), TEXT_CHARACTERS, escapeMrkdwn),
    unfurl_links: false,
    unfurl_media: false,
    blocks: [
      { type: 'header', text: plainText(title, HEADER_CHARACTERS) },
      ...(message.detail ? [{ type: 'section', text: plainText(message.detail, SECTION_CHARACTERS) }] : []),
      { type: 'context', elements: [plainText(footer(message), SECTION_CHARACTERS)] },
    ],
  };
}

const plainText = (text: string, limit: number): object => ({ type: 'plain_text', text: fit(text, limit), emoji: false });

/** `<!channel>` and links lose their brackets; a zero-width space keeps imitators from seeing `@channel` as a mention. */
const escapeMrkdwn = (character: string): string => MRKDWN[character] ?? character;

const MRKDWN: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '@': '@\u200b' };
