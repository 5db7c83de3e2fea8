import { footer, type Message, rfc3339, statusMark, statusWord } from './message.ts';
import { fit } from './text.ts';

const CONTENT_CHARACTERS = 2_000;
/** Discord allows 4,096, and 6,000 for the whole embed. */
const DESCRIPTION_CHARACTERS = 3_800;
const FOOTER_CHARACTERS = 2_048;

const COLORS = { resolved: 0x2e_a0_43, info: 0x58_a6_ff, warning: 0xd2_99_22, critical: 0xda_36_33 };

/** Body for Discord's "execute webhook". Nothing in it mentions anybody, whatever it says; formatting is escaped, output stands in a code block. */
export function discordBody(message: Message): object {
  const title = `${statusMark(message)} ${message.app}: ${statusWord(message)}: ${message.title}`;
  return {
    username: 'Greenroom',
    content: fit(title, CONTENT_CHARACTERS, escapeMarkdown),
    allowed_mentions: { parse: [] },
    embeds: [
      {
        description: message.detail ? `\`\`\`\n${fit(message.detail, DESCRIPTION_CHARACTERS, escapeCode)}\n\`\`\`` : 'No further details.',
        color: message.resolved ? COLORS.resolved : COLORS[message.severity],
        timestamp: rfc3339(message.at),
        footer: { text: fit(footer(message), FOOTER_CHARACTERS) },
      },
    ],
  };
}

const escapeMarkdown = (character: string): string => (/[\\*_~`|>#[\]()<@-]/.test(character) ? `\\${character}` : character);

/** Three backticks in a row would end the block. */
const escapeCode = (character: string): string => (character === '`' ? '`\u200b' : character);

/** Asks Discord to say what became of the message instead of taking anything. */
export function discordUrl(url: URL): URL {
  const asked = new URL(url);
  asked.searchParams.set('wait', 'true');
  return asked;
}
