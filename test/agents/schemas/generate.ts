/** `npm run generate`: writes the JSON schema of each model API, requests and events, beside the stand-in that is checked against it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createGenerator } from 'ts-json-schema-generator';

const APIS = { 'chat-completions': 'ChatCompletions', responses: 'Responses', messages: 'Messages', 'generate-content': 'GenerateContent' };
const folder = resolve(import.meta.dirname, '../../../packages/greenroom/test/real-agents/model/schemas');

mkdirSync(folder, { recursive: true });
for (const [file, name] of Object.entries(APIS)) {
  // Types of one vendor: what has the same name in both is the same.
  const definitions = { ...definitionsOf(`${name}Request`), ...definitionsOf(`${name}Event`) };
  writeFileSync(join(folder, `${file}.json`), `${JSON.stringify({ definitions }, null, 2)}\n`);
}

function definitionsOf(type: string): Record<string, unknown> {
  const generator = createGenerator({
    path: join(import.meta.dirname, 'types.ts'),
    tsconfig: join(import.meta.dirname, 'tsconfig.json'),
    type,
    skipTypeCheck: true,
    jsDoc: 'none',
    // The APIs take more than the types say; what the types do say has to hold.
    additionalProperties: true,
  });
  return generator.createSchema(type).definitions ?? {};
}
