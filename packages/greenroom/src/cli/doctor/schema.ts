import { createClient } from '@greenroom/sdk/client';
import type { SchemaReleaseView } from '@greenroom/sdk/wire';
import { schemaLines } from '../schema-lines.ts';
import type { Finding, Patient } from './examine.ts';

const STATUS_TIMEOUT_MS = 5_000;
const LEVELS: Record<SchemaReleaseView['fits'], Finding['level']> = { yes: 'ok', no: 'fail', unknown: 'warn' };

/** Whether the live release works with the database as it is, where the contract names a schema status. */
export async function checkSchema({ contract, layout, running }: Patient): Promise<Finding[]> {
  const check = 'schema';
  const path = contract.schema_status_endpoint;
  if (path === undefined) return [];
  if (!running) return [{ check, level: 'ok', says: `asked for ${path} before each promotion; nothing runs now` }];
  const schema = await createClient({ socket: layout.operatorSocket })
    .status({ signal: AbortSignal.timeout(STATUS_TIMEOUT_MS) })
    .then((status) => status.schema)
    .catch(() => null);
  const remedy = `docs/spec/migrations.md says what ${path} has to answer.`;
  if (!schema)
    return [{ check, level: 'warn', says: 'the orchestrator does not say', remedy: 'Restart it, so that it reads the contract anew.' }];
  const live = schema.releases.find((it) => it.role === 'live');
  if (!live) return [{ check, level: 'ok', says: `asked for ${path} before each promotion; nothing is live` }];
  if (!schema.now) return [{ check, level: 'fail', says: schema.problem, remedy }];
  const says = schemaLines(schema)
    .map(({ line }) => line)
    .join('; ');
  const level = LEVELS[live.fits];
  return [{ check, level, says, ...(level === 'ok' ? {} : { remedy: 'docs/guides/migrations.md says how to mend it.' }) }];
}
