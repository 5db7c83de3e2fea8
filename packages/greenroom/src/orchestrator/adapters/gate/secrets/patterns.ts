/**
 * What the preset does not know, or only knows in files of a certain name. Each pattern is linear: bounded repetitions, and a beginning that is
 * rare in ordinary text. The first group, when there is one, is the secret.
 */
export interface SecretPattern {
  rule: string;
  /** With the flags `g` and, where a line's ends matter, `m`. */
  pattern: RegExp;
  /** Looks at what was matched; false when it is a placeholder. */
  plausible?: (secret: string) => boolean;
}

const WORDS =
  '(?:secret|token|passw(?:or)?d|passphrase|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key|signing[_-]?key|encryption[_-]?key)';

export const OWN_PATTERNS: readonly SecretPattern[] = [
  { rule: 'aws-access-key-id', pattern: /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])/g, plausible: notExample },
  { rule: 'google-api-key', pattern: /(?<![A-Za-z0-9_-])AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/g, plausible: notExample },
  { rule: 'google-oauth-secret', pattern: /(?<![A-Za-z0-9])GOCSPX-[A-Za-z0-9_-]{28}(?![A-Za-z0-9_-])/g },
  {
    rule: 'jwt',
    pattern: /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{20,1000}/g,
  },
  {
    rule: 'private-key',
    pattern:
      /-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\\r|\\n|["'+,\\\s]){0,40}((?:[A-Za-z-]{1,20}: [^\n]{0,80}\n){0,6}\s{0,4}[A-Za-z0-9+/=]{40,100})/g,
  },
  { rule: 'putty-private-key', pattern: /PuTTY-User-Key-File-[23]: [^\n]{1,80}/g },
  { rule: 'age-secret-key', pattern: /AGE-SECRET-KEY-1[A-Z0-9]{58}/g },
  {
    rule: 'url-with-password',
    pattern:
      /(?<![A-Za-z])(?:https?|ftps?|rediss?|amqps?|mongodb(?:\+srv)?|postgres(?:ql)?|mysql|mariadb|mssql|sqlserver|ldaps?|smtps?|nats|cloudinary):\/\/[^\s:@/"'`<>]{0,100}:([^\s@/"'`<>]{8,200})@[A-Za-z0-9_.[-]/g,
    plausible: isStrong,
  },
  { rule: 'npm-auth-token', pattern: /:_(?:authToken|password|auth)\s{0,3}=\s{0,3}["']?([A-Za-z0-9+/=_.-]{16,2000})/g },
  { rule: 'slack-token', pattern: /(?<![A-Za-z0-9])xox[abceoprsd]-(?:[A-Za-z0-9]{1,80}-){1,6}[A-Za-z0-9]{8,200}/g, plausible: hasDigit },
  { rule: 'discord-webhook', pattern: /discord(?:app)?\.com\/api\/(?:v\d{1,2}\/)?webhooks\/(\d{17,20}\/[A-Za-z0-9_-]{60,80})/g },
  {
    rule: 'discord-bot-token',
    pattern: /(?<![A-Za-z0-9_-])[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}(?![A-Za-z0-9_-])/g,
    plausible: hasDigit,
  },
  { rule: 'telegram-bot-token', pattern: /(?<![A-Za-z0-9])\d{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])/g },
  { rule: 'twilio-key', pattern: /(?<![A-Za-z0-9])SK[0-9a-f]{32}(?![A-Za-z0-9])/g },
  { rule: 'twilio-auth-token', pattern: /twilio[\w.-]{0,30}["']?\s{0,4}[:=]\s{0,4}["']?([0-9a-f]{32})(?![A-Za-z0-9])/gi },
  { rule: 'azure-storage-key', pattern: /AccountKey\s{0,2}=\s{0,2}([A-Za-z0-9+/]{86}==)/g },
  { rule: 'azure-connection-key', pattern: /SharedAccessKey\s{0,2}=\s{0,2}([A-Za-z0-9+/]{43}=)/g },
  { rule: 'azure-client-secret', pattern: /(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~.-])/g },
  { rule: 'digitalocean-token', pattern: /(?<![A-Za-z0-9])do[opr]_v1_[a-f0-9]{64}(?![A-Za-z0-9])/g },
  { rule: 'mailgun-key', pattern: /(?<![A-Za-z0-9-])key-[0-9a-f]{32}(?![A-Za-z0-9])/g },
  { rule: 'mailchimp-key', pattern: /(?<![A-Za-z0-9])[0-9a-f]{32}-us\d{1,2}(?![A-Za-z0-9])/g },
  { rule: 'pypi-token', pattern: /(?<![A-Za-z0-9])pypi-AgE[A-Za-z0-9_-]{50,1000}/g },
  { rule: 'rubygems-token', pattern: /(?<![A-Za-z0-9])rubygems_[a-f0-9]{48}(?![A-Za-z0-9])/g },
  { rule: 'stripe-webhook-secret', pattern: /(?<![A-Za-z0-9])whsec_[A-Za-z0-9+/=]{32,80}/g },
  { rule: 'square-token', pattern: /(?<![A-Za-z0-9])(?:sq0(?:atp|csp)-[A-Za-z0-9_-]{22,43}|EAAA[A-Za-z0-9_-]{60})(?![A-Za-z0-9_-])/g },
  { rule: 'atlassian-token', pattern: /(?<![A-Za-z0-9])ATATT3[A-Za-z0-9_\-=]{100,300}/g },
  { rule: 'openai-key', pattern: /(?<![A-Za-z0-9_-])sk-(?:proj|svcacct|admin|or-v1)-[A-Za-z0-9_-]{40,300}/g, plausible: hasDigit },
  { rule: 'anthropic-key', pattern: /(?<![A-Za-z0-9_-])sk-ant-[a-z0-9]{3,8}-[A-Za-z0-9_-]{60,200}/g },
  { rule: 'huggingface-token', pattern: /(?<![A-Za-z0-9_-])(?:hf_|api_org_)[A-Za-z0-9]{34}(?![A-Za-z0-9])/g, plausible: hasBothCases },
  { rule: 'replicate-token', pattern: /(?<![A-Za-z0-9_-])r8_[A-Za-z0-9]{37}(?![A-Za-z0-9])/g },
  { rule: 'xai-key', pattern: /(?<![A-Za-z0-9_-])xai-[A-Za-z0-9]{70,90}(?![A-Za-z0-9])/g },
  { rule: 'perplexity-key', pattern: /(?<![A-Za-z0-9_-])pplx-[A-Za-z0-9]{48,56}(?![A-Za-z0-9])/g },
  { rule: 'heroku-key', pattern: /(?<![A-Za-z0-9_-])HRKU-[A-Za-z0-9_-]{36,80}/g },
  { rule: 'netlify-token', pattern: /(?<![A-Za-z0-9_-])nfp_[A-Za-z0-9]{36,40}(?![A-Za-z0-9])/g },
  { rule: 'fly-token', pattern: /FlyV1 fm\d_[A-Za-z0-9+/=_-]{60,}/g },
  { rule: 'supabase-token', pattern: /(?<![A-Za-z0-9])sb(?:p_[a-f0-9]{40}|_secret_[A-Za-z0-9_-]{20,60})(?![A-Za-z0-9])/g },
  { rule: 'sentry-token', pattern: /(?<![A-Za-z0-9])sntry[su]_[A-Za-z0-9+/=_-]{40,400}/g },
  { rule: 'new-relic-key', pattern: /(?<![A-Za-z0-9])NRAK-[A-Z0-9]{27}(?![A-Za-z0-9])/g },
  { rule: 'doppler-token', pattern: /(?<![A-Za-z0-9])dp\.(?:pt|st|ct|sa)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}(?![A-Za-z0-9])/g },
  { rule: 'planetscale-token', pattern: /(?<![A-Za-z0-9])pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,64}/g },
  { rule: 'pulumi-token', pattern: /(?<![A-Za-z0-9])pul-[a-f0-9]{40}(?![A-Za-z0-9])/g },
  { rule: 'terraform-token', pattern: /(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}/g },
  { rule: 'postman-key', pattern: /(?<![A-Za-z0-9])PMAK-[a-f0-9]{24}-[a-f0-9]{34}(?![A-Za-z0-9])/g },
  { rule: 'airtable-token', pattern: /(?<![A-Za-z0-9])pat[A-Za-z0-9]{14}\.[a-f0-9]{64}(?![A-Za-z0-9])/g },
  { rule: 'gitlab-token', pattern: /(?<![A-Za-z0-9])gl(?:dt|rt|cbt|ptt|ft|soat|agent|oas)-[A-Za-z0-9_-]{20,64}/g, plausible: hasDigit },
  { rule: 'shopify-token', pattern: /(?<![A-Za-z0-9])shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}(?![A-Za-z0-9])/g },
  { rule: 'vault-token', pattern: /(?<![A-Za-z0-9])hv[sbr]\.[A-Za-z0-9_-]{24,300}/g, plausible: hasDigit },
  { rule: 'dropbox-token', pattern: /(?<![A-Za-z0-9._-])sl\.(?:u\.)?[A-Za-z0-9_-]{130,1500}/g },
  { rule: 'facebook-token', pattern: /(?<![A-Za-z0-9])EAA[A-Za-z0-9]{90,400}(?![A-Za-z0-9])/g, plausible: isStrong },
  {
    rule: 'assigned-secret',
    pattern: new RegExp(`${WORDS}[\\w.-]{0,20}["'\`]?\\s{0,4}(?:=>|:=|[:=])\\s{0,4}["'\`]([^\\s"'\`]{16,200})["'\`]`, 'gi'),
    plausible: isStrong,
  },
  {
    rule: 'assigned-secret',
    pattern: new RegExp(
      `^[ \\t]{0,20}(?:export |- )?[\\w.-]{0,40}${WORDS}[\\w.-]{0,20}(?:=|: {1,4})([A-Za-z0-9+/=_~!@#%^&*-]{16,200})[ \\t\\r]{0,4}$`,
      'gim',
    ),
    plausible: isStrong,
  },
];

const PLACEHOLDER =
  /example|sample|placeholder|change.?me|your[_-]|dummy|redacted|x{5}|\*{4}|\.\.\.|12345678|abcdefgh|\$\{|\{\{|<|process\.env|secret_?key|password/i;

/** Random enough to be a secret: letters and digits, no words, more than three bits a character. */
function isStrong(secret: string): boolean {
  if (PLACEHOLDER.test(secret) || !hasDigit(secret) || !/[A-Za-z]/.test(secret)) return false;
  // Code, paths and sentences have punctuation and words between their digits.
  if (/[(){};,]|a-z|A-Z|\/\/|^[./@#]|^[a-z]+(?:[-_./:][a-z]+)+\d*$/i.test(secret)) return false;
  return entropy(secret) >= (/^[0-9a-f]+$/i.test(secret) ? 3 : 3.3);
}

function notExample(secret: string): boolean {
  return !/EXAMPLE/.test(secret);
}

function hasDigit(secret: string): boolean {
  return /\d/.test(secret);
}

function hasBothCases(secret: string): boolean {
  return /[a-z]/.test(secret.slice(3)) && /[A-Z]/.test(secret.slice(3));
}

/** Shannon entropy, bits a character. */
function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
