import { buildCommand } from '@stricli/core';
import { action, type Cli, EXIT } from '../context.ts';
import { description } from '../flags.ts';

interface SchemaFlags {
  readonly json: boolean;
}

export const schema = buildCommand<SchemaFlags, [], Cli>({
  func: action(async (cli: Cli, _flags: SchemaFlags) => {
    const { contractSchemaText } = await import('../../orchestrator/core/contract-schema.ts');
    cli.stdout.write(contractSchemaText());
    return EXIT.ok;
  }),
  parameters: { flags: { json: { kind: 'boolean', default: false, withNegated: false, brief: 'The same: a schema is JSON' } } },
  docs: {
    brief: "Print the contract's JSON Schema, for editors and checks",
    fullDescription: description('Name it in "$schema" of app.contract.json and an editor completes and checks the file.', [
      ['greenroom schema > app.contract.schema.json', 'a copy beside the contract'],
    ]),
  },
});
