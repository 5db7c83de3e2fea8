/** What Slack and Discord document for their webhooks, as JSON Schema: the fields that may be there, their types and their limits. */
const text = (type: string, maxLength: number): object => ({
  type: 'object',
  required: ['type', 'text'],
  additionalProperties: false,
  properties: {
    type: { const: type },
    text: { type: 'string', minLength: 1, maxLength },
    emoji: { type: 'boolean' },
    verbatim: { type: 'boolean' },
  },
});
const anyText = (maxLength: number): object => ({ oneOf: [text('plain_text', maxLength), text('mrkdwn', maxLength)] });
const block = (type: string, properties: object, required: string[]): object => ({
  type: 'object',
  required: ['type', ...required],
  additionalProperties: false,
  properties: { type: { const: type }, block_id: { type: 'string', maxLength: 255 }, ...properties },
});

/** https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and https://docs.slack.dev/reference/block-kit/blocks */
export const SLACK_INCOMING_WEBHOOK = {
  type: 'object',
  required: ['text'],
  additionalProperties: false,
  properties: {
    text: { type: 'string', minLength: 1, maxLength: 4_000 },
    unfurl_links: { type: 'boolean' },
    unfurl_media: { type: 'boolean' },
    thread_ts: { type: 'string' },
    blocks: {
      type: 'array',
      maxItems: 50,
      items: {
        oneOf: [
          block('header', { text: text('plain_text', 150) }, ['text']),
          block('section', { text: anyText(3_000) }, ['text']),
          block('context', { elements: { type: 'array', minItems: 1, maxItems: 10, items: anyText(3_000) } }, ['elements']),
          block('divider', {}, []),
        ],
      },
    },
  },
};

/** https://docs.discord.com/developers/resources/webhook#execute-webhook and …/resources/message#embed-object-embed-limits */
export const DISCORD_EXECUTE_WEBHOOK = {
  type: 'object',
  additionalProperties: false,
  anyOf: [{ required: ['content'] }, { required: ['embeds'] }],
  properties: {
    content: { type: 'string', minLength: 1, maxLength: 2_000 },
    username: { type: 'string', minLength: 1, maxLength: 80, not: { pattern: '[Dd]iscord|[Cc]lyde' } },
    avatar_url: { type: 'string' },
    tts: { type: 'boolean' },
    allowed_mentions: {
      type: 'object',
      additionalProperties: false,
      properties: { parse: { type: 'array', items: { enum: ['roles', 'users', 'everyone'] } } },
    },
    embeds: {
      type: 'array',
      maxItems: 10,
      items: {
        type: 'object',
        additionalProperties: false,
        properties: {
          title: { type: 'string', maxLength: 256 },
          description: { type: 'string', maxLength: 4_096 },
          url: { type: 'string' },
          timestamp: { type: 'string', format: 'date-time' },
          color: { type: 'integer', minimum: 0, maximum: 0xff_ff_ff },
          footer: {
            type: 'object',
            required: ['text'],
            additionalProperties: false,
            properties: { text: { type: 'string', minLength: 1, maxLength: 2_048 } },
          },
        },
      },
    },
  },
};

/** https://docs.ntfy.sh/publish/#publish-as-json */
export const NTFY_PUBLISH = {
  type: 'object',
  required: ['topic'],
  additionalProperties: false,
  properties: {
    topic: { type: 'string', pattern: '^[-_A-Za-z0-9]{1,64}$' },
    title: { type: 'string' },
    message: { type: 'string', minLength: 1 },
    priority: { enum: [1, 2, 3, 4, 5] },
    tags: { type: 'array', items: { type: 'string' } },
  },
};
