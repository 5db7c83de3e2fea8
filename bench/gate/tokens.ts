/**
 * Made-up credentials in the form that each provider gives them. They are put together when the program runs: nothing in the repository looks like a
 * secret, and each run has others.
 */
export interface Token {
  provider: string;
  /** A line of source code, configuration or text, as people commit it. */
  text: string;
}

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const UPPER = LOWER.toUpperCase();
const DIGITS = '0123456789';
const LETTERS = LOWER + UPPER;
const ALNUM = LETTERS + DIGITS;
const HEX = `${DIGITS}abcdef`;
const URLSAFE = `${ALNUM}_-`;
const BASE64 = `${ALNUM}+/`;

/** The same seed gives the same tokens. */
export function makeTokens(seed: number): Token[] {
  const random = generator(seed);
  const of = (alphabet: string, length: number): string => {
    let text = '';
    for (let at = 0; at < length; at++) text += alphabet[Math.floor(random() * alphabet.length)] ?? '';
    return text;
  };
  const json = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const jwt = `${json({ alg: 'HS256', typ: 'JWT' })}.${json({ sub: of(DIGITS, 10), name: of(LETTERS, 12), iat: 1 })}.${of(URLSAFE, 43)}`;
  const pem = [
    `-----BEGIN ${'PRIVATE'} KEY-----`,
    ...Array.from({ length: 24 }, (_, line) => (line === 0 ? 'MI' : '') + of(BASE64, line === 0 ? 62 : 64)),
  ];
  const pemEnd = `-----END ${'PRIVATE'} KEY-----`;
  const openssh = [`-----BEGIN OPENSSH ${'PRIVATE'} KEY-----`, `b3BlbnNzaC1rZXktdjE${of(ALNUM, 51)}`, of(BASE64, 70), of(BASE64, 70)];
  const quoted = (name: string, value: string): string => `const ${name} = '${value}';`;

  return [
    { provider: 'AWS access key id', text: `aws_access_key_id = ${'AK'}IA${of(`${UPPER}234567`, 16)}` },
    { provider: 'AWS secret key', text: `AWS_SECRET_ACCESS_KEY=${of(BASE64, 40)}` },
    { provider: 'GitHub classic', text: quoted('t', `${'gh'}p_${of(ALNUM, 36)}`) },
    { provider: 'GitHub fine-grained', text: quoted('t', `${'github'}_pat_${of(ALNUM, 22)}_${of(ALNUM, 59)}`) },
    { provider: 'GitHub app', text: quoted('t', `${'gh'}s_${of(ALNUM, 36)}`) },
    { provider: 'GitLab', text: quoted('t', `${'gl'}pat-${of(URLSAFE, 20)}`) },
    { provider: 'Slack bot', text: quoted('t', `${'xo'}xb-${of(DIGITS, 12)}-${of(DIGITS, 12)}-${of(ALNUM, 24)}`) },
    { provider: 'Slack webhook', text: `https://hooks.slack.com/${'services'}/T${of(UPPER, 8)}/B${of(UPPER, 8)}/${of(ALNUM, 24)}` },
    { provider: 'Stripe live', text: quoted('t', `${'sk'}_live_${of(ALNUM, 24)}`) },
    { provider: 'Stripe restricted', text: quoted('t', `${'rk'}_live_${of(ALNUM, 99)}`) },
    { provider: 'Stripe webhook', text: quoted('t', `${'wh'}sec_${of(ALNUM, 32)}`) },
    { provider: 'OpenAI project', text: quoted('t', `${'sk'}-proj-${of(URLSAFE, 74)}T3BlbkFJ${of(URLSAFE, 73)}z`) },
    { provider: 'OpenAI old', text: quoted('t', `${'sk'}-${of(ALNUM, 20)}T3BlbkFJ${of(ALNUM, 20)}`) },
    { provider: 'Anthropic', text: quoted('t', `${'sk'}-ant-api03-${of(URLSAFE, 93)}AA`) },
    { provider: 'OpenRouter', text: quoted('t', `${'sk'}-or-v1-${of(HEX, 64)}`) },
    { provider: 'Groq', text: quoted('t', `${'gs'}k_${of(ALNUM, 52)}`) },
    { provider: 'Hugging Face', text: quoted('t', `${'hf'}_${of(LETTERS, 34)}`) },
    { provider: 'Google API', text: quoted('t', `${'AI'}za${of(URLSAFE, 35)}`) },
    { provider: 'Google OAuth', text: quoted('t', `${'GOC'}SPX-${of(URLSAFE, 28)}`) },
    {
      provider: 'GCP service account',
      text: JSON.stringify({ private_key_id: of(HEX, 40), private_key: [...pem, pemEnd, ''].join('\n') }),
    },
    { provider: 'npm', text: `//npm.example/:_${'auth'}Token=${'np'}m_${of(ALNUM, 36)}` },
    { provider: 'PyPI', text: quoted('t', `${'py'}pi-AgEIcHlwaS5vcmc${of(URLSAFE, 150)}`) },
    { provider: 'RubyGems', text: quoted('t', `${'ruby'}gems_${of(HEX, 48)}`) },
    { provider: 'Docker Hub', text: quoted('t', `${'dckr'}_pat_${of(URLSAFE, 27)}`) },
    { provider: 'SendGrid', text: quoted('t', `${'S'}G.${of(ALNUM, 22)}.${of(ALNUM, 43)}`) },
    { provider: 'Mailgun', text: quoted('t', `${'ke'}y-${of(HEX, 32)}`) },
    { provider: 'Mailchimp', text: quoted('t', `${of(HEX, 32)}-${'us'}14`) },
    { provider: 'Twilio key', text: quoted('t', `${'S'}K${of(HEX, 32)}`) },
    { provider: 'Twilio auth token', text: `TWILIO_AUTH_${'TOKEN'}=${of(HEX, 32)}` },
    { provider: 'Discord bot', text: quoted('t', `${'M'}${of(ALNUM, 23)}.${of(ALNUM, 6)}.${of(URLSAFE, 26)}7z`) },
    { provider: 'Discord webhook', text: `https://discord.com/api/${'webhooks'}/${of(DIGITS, 18)}/${of(URLSAFE, 68)}` },
    { provider: 'Telegram bot', text: quoted('t', `${of('123456789', 10)}:${'A'}A${of(URLSAFE, 33)}`) },
    {
      provider: 'Azure storage',
      text: `DefaultEndpointsProtocol=https;AccountName=a;Account${'Key'}=${of(BASE64, 86)}==;EndpointSuffix=core.windows.net`,
    },
    { provider: 'Azure client secret', text: quoted('t', `${of(ALNUM, 3)}8${'Q'}~${of(ALNUM, 34)}`) },
    { provider: 'DigitalOcean', text: quoted('t', `${'do'}p_v1_${of(HEX, 64)}`) },
    { provider: 'Shopify', text: quoted('t', `${'shp'}at_${of(HEX, 32)}`) },
    { provider: 'Square', text: quoted('t', `${'sq'}0atp-${of(ALNUM, 22)}`) },
    { provider: 'Linear', text: quoted('t', `${'lin'}_api_${of(ALNUM, 40)}`) },
    { provider: 'Notion', text: quoted('t', `${'nt'}n_${of(DIGITS, 11)}${of(ALNUM, 35)}`) },
    { provider: 'Figma', text: quoted('t', `${'fig'}d_${of(URLSAFE, 39)}x`) },
    { provider: 'Databricks', text: quoted('t', `${'da'}pi${of(HEX, 32)}`) },
    { provider: 'Grafana', text: quoted('t', `${'gl'}sa_${of(ALNUM, 32)}_${of(HEX, 8)}`) },
    { provider: 'Vault', text: quoted('t', `${'hv'}s.${of(ALNUM, 95)}`) },
    { provider: 'Terraform Cloud', text: quoted('t', `${of(ALNUM, 14)}.${'atlas'}v1.${of(ALNUM, 67)}`) },
    { provider: 'Tailscale', text: quoted('t', `${'tsk'}ey-auth-${of(ALNUM, 12)}CNTRL-${of(ALNUM, 32)}`) },
    { provider: 'Vercel', text: quoted('t', `${'vc'}p_${of(ALNUM, 56)}`) },
    { provider: 'Netlify', text: quoted('t', `${'nf'}p_${of(ALNUM, 36)}`) },
    { provider: 'Supabase', text: quoted('t', `${'sb'}p_${of(HEX, 40)}`) },
    { provider: 'Sentry', text: quoted('t', `${'sn'}trys_${of(BASE64, 120)}`) },
    { provider: 'New Relic', text: quoted('t', `${'NR'}AK-${of(UPPER + DIGITS, 27)}`) },
    { provider: 'Doppler', text: quoted('t', `${'dp'}.pt.${of(ALNUM, 43)}`) },
    { provider: 'PlanetScale', text: quoted('t', `${'pscale'}_tkn_${of(URLSAFE, 43)}`) },
    { provider: 'Postman', text: quoted('t', `${'PM'}AK-${of(HEX, 24)}-${of(HEX, 34)}`) },
    { provider: 'Airtable', text: quoted('t', `${'pa'}t${of(ALNUM, 14)}.${of(HEX, 64)}`) },
    { provider: 'Atlassian', text: quoted('t', `${'ATA'}TT3${of(URLSAFE, 180)}=${of(HEX, 8)}`) },
    { provider: 'Replicate', text: quoted('t', `${'r'}8_${of(ALNUM, 37)}`) },
    { provider: 'JWT', text: `Authorization: Bearer ${jwt}` },
    { provider: 'PEM private key', text: [...pem, pemEnd].join('\n') },
    { provider: 'OpenSSH private key', text: [...openssh, `-----END OPENSSH ${'PRIVATE'} KEY-----`].join('\n') },
    { provider: 'PostgreSQL URL', text: `DATABASE_URL=postgres://app:${of(ALNUM, 20)}@db.internal:5432/app` },
    { provider: 'MongoDB URL', text: `mongodb+srv://app:${of(ALNUM, 20)}@cluster0.abc.mongodb.net/app` },
    { provider: 'Redis URL', text: `REDIS_URL=rediss://:${of(ALNUM, 32)}@cache.internal:6379` },
    { provider: 'basic auth URL', text: `fetch('https://deploy:${of(ALNUM, 20)}@git.internal.net/x.git')` },
    { provider: 'assigned in code', text: `const clientSecret = "${of(ALNUM, 40)}";` },
    { provider: 'assigned in .env', text: `SESSION_${'SECRET'}=${of(HEX, 64)}` },
    { provider: 'assigned in YAML', text: `  api_${'key'}: ${of(ALNUM, 32)}` },
  ];
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
