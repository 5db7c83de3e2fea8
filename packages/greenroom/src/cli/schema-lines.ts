import type { SchemaReleaseView, SchemaView } from '@greenroom/sdk/wire';
import { shortCommit } from './format.ts';
import { plain } from './terminal.ts';

export interface SchemaLine {
  line: string;
  tone?: 'yellow' | 'red';
}

/** The database's schema, and whether the live release and the one before it work with it. */
export function schemaLines({ now, problem, releases }: SchemaView): SchemaLine[] {
  const pending = now && now.pending_migrations > 0 ? `, ${now.pending_migrations} pending` : '';
  const first: SchemaLine = now
    ? { line: `version ${now.current_schema_version}${pending}` }
    : { line: `unknown: ${plain(problem)}`, tone: 'yellow' };
  return [first, ...releases.map(releaseLine)];
}

function releaseLine({ commit, role, fits, why, ...declared }: SchemaReleaseView): SchemaLine {
  const { code_min_schema_version: min, code_max_schema_version: max } = declared;
  const range = min === null || max === null ? '' : ` (${min === max ? min : `${min} to ${max}`})`;
  const name = `${shortCommit(plain(commit))}${range}`;
  if (role === 'live') {
    if (fits === 'yes') return { line: `live ${name} works with it` };
    return fits === 'no' ? { line: `live: ${plain(why)}`, tone: 'red' } : { line: `live ${name}: ${plain(why)}`, tone: 'yellow' };
  }
  if (fits === 'yes') return { line: `rollback to ${name} allowed` };
  return { line: `rollback to ${name} ${fits === 'no' ? 'refused' : 'perhaps refused'}: ${plain(why)}`, tone: 'yellow' };
}
