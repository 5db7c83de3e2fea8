/** What is planted, and those that say it: an app and an agent that print all that they were given, in every encoding that they can think of. */
import { randomBytes } from 'node:crypto';
import { formsOf } from '../../src/masking/forms.ts';

/** New values at each call: a find can only be of this run. */
export function plant(): { values: Record<string, string>; text: string } {
  const word = (): string => randomBytes(9).toString('hex');
  const values = {
    API_KEY: `key+${word()}/with=signs&<more>`,
    DATABASE_URL: `postgres://shop:${word()}@db.internal:5432/shop`,
    SIGNING_KEY: `${word()}\n${word()}\n${word()}`,
    AGENT_KEY: `agent-${word()}`,
  };
  const text = Object.entries(values)
    .map(([name, value]) => `${name}="${value}"\n`)
    .join('');
  return { values, text };
}

/** Everything whose occurrence is a find. */
export function findable(values: Readonly<Record<string, string>>): string[] {
  return [...new Set(Object.values(values).flatMap(formsOf))].map((form) => Buffer.from(form, 'utf8').toString('latin1'));
}

/** For both programs, in CommonJS. */
const SAY = `
const { createHash } = require('node:crypto');
const given = () => ['API_KEY', 'DATABASE_URL', 'SIGNING_KEY', 'AGENT_KEY'].flatMap((name) => process.env[name] ?? []);
const encodings = (value) => {
  const bytes = Buffer.from(value);
  const shifted = ['', 'x', 'xy'].map((before) => Buffer.from(before + value + ' tail'));
  return [
    value, JSON.stringify({ value }), JSON.stringify(JSON.stringify({ value })), encodeURIComponent(value), new URLSearchParams({ value }).toString(),
    bytes.toString('hex'), bytes.toString('hex').toUpperCase(), ...shifted.flatMap((it) => [it.toString('base64'), it.toString('base64url')]),
    value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'), "'" + value.replaceAll("'", "'\\\\''") + "'",
    [...bytes].join(','),
  ];
};
const everything = () => given().flatMap(encodings);
`;

export const APP = `${SAY}
const { createServer } = require('node:http');
const { readFileSync } = require('node:fs');
const { version, exits, deep } = JSON.parse(readFileSync('planted.json', 'utf8'));
for (const line of everything()) { console.log('starting', version, line); process.stderr.write(line); }
process.stderr.write('\\n');
if (exits) throw new Error('cannot start with ' + everything().join(' '));
const answer = (request, response) => {
  if (request.url === '/deep' && deep) { response.statusCode = 500; response.end(everything().join('\\n')); return; }
  if (request.url === '/print') console.log(everything().join(' '));
  response.end(createHash('sha256').update(process.env.API_KEY).digest('hex'));
};
createServer(answer).listen(process.env.PORT, '127.0.0.1');
createServer(answer).listen(process.env.INTERNAL_PORT, '127.0.0.1');
`;

/** Speaks just enough of the Agent Client Protocol for one turn. Its words come in pieces of a few characters. */
export const AGENT = `${SAY}
const { createInterface } = require('node:readline');
const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n');
const update = (it) => send({ method: 'session/update', params: { sessionId: 's', update: it } });
const say = (text) => update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } });
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line);
  if (method === 'initialize') send({ id, result: { protocolVersion: 1, agentCapabilities: {} } });
  else if (method === 'session/new') send({ id, result: { sessionId: 's' } });
  else if (method === 'session/prompt') {
    const text = everything().join(' and ');
    process.stderr.write(text + '\\n');
    for (let at = 0; at < text.length; at += 7) say(text.slice(at, at + 7));
    const content = [
      { type: 'content', content: { type: 'text', text } },
      { type: 'diff', path: process.cwd() + '/config.js', oldText: '', newText: 'export const key = ' + text },
    ];
    update({ sessionUpdate: 'tool_call', toolCallId: 't', title: 'echo ' + text, kind: 'execute', status: 'completed', rawInput: { command: text }, content });
    send({ id, result: { stopReason: 'end_turn' } });
  } else if (id !== undefined) send({ id, error: { code: -32601, message: 'not known' } });
}).on('close', () => process.exit(0));
`;
