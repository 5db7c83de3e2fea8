// Speaks as much of the Agent Client Protocol as one turn takes, and does in it what the last line of its message says, as JavaScript. What it throws
// is told. For tests.
const { createInterface } = require('node:readline');

const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const methods = {
  initialize: () => ({ protocolVersion: 1, agentCapabilities: {} }),
  'session/new': () => ({ sessionId: 's' }),
  async 'session/prompt'({ sessionId, prompt }) {
    const code = prompt.at(-1).text.trimEnd().split('\n').at(-1);
    let text;
    try {
      text = await new Function('require', `return (async () => { ${code} })()`)(require);
    } catch (error) {
      text = `threw ${error.message}`;
    }
    const content = { type: 'text', text: String(text) };
    send({ method: 'session/update', params: { sessionId, update: { sessionUpdate: 'agent_message_chunk', content } } });
    return { stopReason: 'end_turn' };
  },
};
createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id !== undefined && methods[method]) send({ id, result: await methods[method](params) });
});
